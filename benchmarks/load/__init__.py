"""A steady load on everything at once, and an account of every event: `make load RATE=1000 SECONDS=600 MIX=default`.

    python -m benchmarks.load [--rate N] [--seconds N] [--mix default|inapp|packed]

The servers of devstack, every process of the Procfile, the simulators of SES, FCM and APNs, a producer that publishes
on a schedule fixed beforehand, and an open socket for each recipient, all on one machine. What is counted is counted
from outside: in SQL, on the sockets, by what the providers took.
"""
