"""`python -m devstack.simulators.apns …`; devstack/simulators/server.py starts it."""

from devstack.simulators.apns.account import Account
from devstack.simulators.apns.http2 import ALPN, Http2Connection
from devstack.simulators.apns.provider import KINDS, Apns
from devstack.simulators.application import ControlPages
from devstack.simulators.arguments import push_arguments
from devstack.simulators.controls import Controls
from devstack.simulators.faults import Faults
from devstack.simulators.journal import Journal
from devstack.simulators.serving import TlsListener, serve


def main() -> None:
    arguments = push_arguments("devstack.simulators.apns", __doc__)
    apns, faults, journal = Apns(Account.kept_in(arguments.directory)), Faults(KINDS), Journal()
    api = TlsListener(
        port=arguments.api_port,
        certificate=arguments.certificate,
        key=arguments.key,
        alpn=[ALPN],
        protocol=lambda: Http2Connection(apns.connected(), faults, journal),
    )
    serve(ControlPages(Controls(faults, journal)), port=arguments.port, api=api)


if __name__ == "__main__":
    main()
