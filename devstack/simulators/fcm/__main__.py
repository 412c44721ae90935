"""`python -m devstack.simulators.fcm …`; devstack/simulators/server.py starts it."""

from devstack.simulators.application import ControlPages, Simulator
from devstack.simulators.arguments import push_arguments
from devstack.simulators.fcm.account import Account
from devstack.simulators.fcm.provider import KINDS, Fcm
from devstack.simulators.serving import TlsListener, http1, serve


def main() -> None:
    arguments = push_arguments("devstack.simulators.fcm", __doc__)
    simulator = Simulator(Fcm(Account.kept_in(arguments.directory)), kinds=KINDS)
    api = TlsListener(
        port=arguments.api_port,
        certificate=arguments.certificate,
        key=arguments.key,
        alpn=["http/1.1"],
        protocol=http1(simulator),
    )
    serve(ControlPages(simulator.controls), port=arguments.port, api=api)


if __name__ == "__main__":
    main()
