"""How fast, and what of it is lost: measures of the real processes, each with an account. README.md tells which.

    python -m benchmarks [--quick]

compares our way of an event with one Celery task per event, on the same machine in the same run; the folders and
modules beside hold the other measures. Everything is real but the network and the providers: the servers of devstack,
the processes of the Procfile, WebSocket clients. A harness knows no Django: what it counts, it counts from outside.
"""
