"""What a push simulator is told when it starts."""

import argparse
from pathlib import Path


def push_arguments(module: str, description: str | None) -> argparse.Namespace:
    """Read the command line: two ports, a directory, and the files of TLS."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--port", type=int, required=True, help="of the controls, by plain HTTP")
    parser.add_argument("--directory", type=Path, required=True, help="where the account is described")
    parser.add_argument("--api-port", type=int, required=True, help="of the provider's API, over TLS")
    parser.add_argument("--certificate", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    return parser.parse_args()
