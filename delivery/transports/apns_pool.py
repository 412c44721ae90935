"""The connections of one process to APNs, and who it is to them."""

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from aioapns.common import NotificationRequest
from aioapns.connection import APNsBaseClientProtocol, APNsKeyConnectionPool
from aioapns.exceptions import ConnectionClosed

from delivery.transports.apns_connection import Connection, Response
from delivery.transports.apns_token import ProviderToken

#: More than one is needed only while the streams of the first are taken.
_MOST_CONNECTIONS: Final = 2


@dataclass(frozen=True, slots=True)
class Account:
    """Where and as whom we send. Either `key` is the .p8 key or `key_file` its path."""

    key: str
    key_file: str
    key_id: str
    team_id: str
    topic: str
    host: str
    port: int
    ca_file: str  # "" for the system's certificates


class ConnectionPool(APNsKeyConnectionPool):
    """The connections of one process to one server."""

    def __init__(self, account: Account, *, patience: float) -> None:
        """For the running loop. Raises OSError or ValueError for a key or certificate that cannot be read."""
        context = ssl.create_default_context(cafile=account.ca_file or None)
        context.set_alpn_protocols(["h2"])
        key = account.key or Path(account.key_file).read_text()
        super().__init__(key, account.key_id, account.team_id, account.topic, _MOST_CONNECTIONS, ssl_context=context)
        self._account = account
        self._patience = patience
        self._token = ProviderToken(key=key, key_id=account.key_id, team_id=account.team_id)

    async def send_notification(self, request: NotificationRequest) -> Response:
        """Send once; and once more when our token has expired, which APNs says before it looks at the push.

        Raises aioapns' ConnectionError or ConnectionClosed, StreamRefused or H2Error.
        """
        used = self._token.get_header()
        response = await self._send(request)
        if response.description == "ExpiredProviderToken" and self._token.renew(used):
            response = await self._send(request)
        return response

    async def _send(self, request: NotificationRequest) -> Response:
        connection = cast(Connection, await self.acquire())
        return await connection.send_notification(request)

    async def create_connection(self) -> Connection:
        """Connect, and hear how many streams we may open."""
        _, connection = await self.loop.create_connection(
            self._protocol, self._account.host, self._account.port, ssl=self.ssl_context
        )
        try:
            await connection.is_settled.wait()
        except asyncio.CancelledError:
            connection.close()
            raise
        if connection.is_closed:
            raise ConnectionClosed
        return connection

    def _protocol(self) -> Connection:
        return Connection(
            self._token,
            topic=self._account.topic,
            host=self._account.host,
            discard=self.discard_connection,
            patience=self._patience,
        )

    def discard_connection(self, connection: APNsBaseClientProtocol) -> None:
        """Give out the connection no more."""
        if connection in self.connections:
            self.connections.remove(connection)
