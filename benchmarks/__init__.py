"""How fast: our way of an event beside one Celery task per event, on the same machine in the same run.

    python -m benchmarks [--quick]

An event is published, travels through SQS into PostgreSQL and through Valkey onto the open sockets of its recipient.
Everything is real but the network: the servers of devstack, the processes of the Procfile, 200 WebSocket clients.
The harness itself knows no Django: what it counts, it counts from outside, in SQL and on the sockets.
"""
