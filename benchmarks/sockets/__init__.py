"""How many open sockets one web process carries, and what each costs (spec §10): `python -m benchmarks.sockets`."""
