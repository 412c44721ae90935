"""`python -m devstack.simulators.ses --port=… --directory=…`; devstack/simulators/server.py starts it."""

import argparse
import contextlib
from pathlib import Path

from devstack.simulators.application import Simulator
from devstack.simulators.serving import serve
from devstack.simulators.ses.mailbox import Mailbox
from devstack.simulators.ses.provider import Ses


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m devstack.simulators.ses", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--directory", type=Path, required=True, help="where the mails are kept")
    arguments = parser.parse_args()
    with contextlib.closing(Mailbox(arguments.directory)) as mailbox:
        serve(Simulator(Ses(mailbox)), port=arguments.port)


if __name__ == "__main__":
    main()
