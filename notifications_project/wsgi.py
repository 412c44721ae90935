"""WSGI entry, for hosts that serve REST and the admin apart from the sockets."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notifications_project.settings")
application = get_wsgi_application()
