"""List, count and preferences at 1,000,000 rows, quiet and beside events: `python -m benchmarks.reads`."""
