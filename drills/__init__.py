"""What happens when something breaks: rehearsed under load, with an account at the end (docs/operations.md).

    python -m drills [switch sqs redis postgresql ses-fcm kill] [--seconds N] [--rate N]

Each drill has a stack of its own: every process of the Procfile, supervised; PostgreSQL, Valkey, SQS, SES, FCM and
APNs; people with an open bell each; a service that publishes at a fixed rate. Something breaks, is mended, and when
nothing is under way any more every event must be accounted for: visible, suppressed with a reason, or held; none lost,
none doubled. What is counted is counted from outside: the publisher's own list, PostgreSQL, the sockets, the providers.
"""
