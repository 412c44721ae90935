"""Amazon SES: the part of its Query API (2010-12-01) by which django-ses sends, and a mailbox for what was sent."""
