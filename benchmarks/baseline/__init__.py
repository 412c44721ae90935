"""What most teams would build: one Celery task per event, over kombu's SQS transport as it comes.

Tuned as far as its settings go, not rebuilt. It is spared most of the work: no check of the event, no ledger, no
decision, no preferences, no unread count; one INSERT through the ORM and one `group_send`.
"""
