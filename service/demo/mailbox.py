"""The demo's mail server: on loopback, in the serving process, and nothing leaves it. Its inbox is a page."""

import asyncio
import socket
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope
from msgspec import Struct

from service.mail import MailServer

KEPT = 50
SENDER = "Harbour Books & Travel <no-reply@harbour.example>"
HERE = "127.0.0.1"


class Letter(Struct, frozen=True):
    """A mail that arrived."""

    to: str
    subject: str
    text: str

    def __repr__(self) -> str:
        return "Letter()"


class Mailbox:
    """Takes every mail of the demo and shows it to whoever looks; its port is known before it listens."""

    def __init__(self) -> None:
        self.letters: deque[Letter] = deque(maxlen=KEPT)
        self._socket = socket.socket()
        self._socket.bind((HERE, 0))

    @property
    def server(self) -> MailServer:
        """How the portal reaches it."""
        return MailServer(HERE, self._socket.getsockname()[1], "none", SENDER)

    @asynccontextmanager
    async def listening(self, _: object) -> AsyncIterator[None]:
        """Take mail while the application runs."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(self, loop=loop), sock=self._socket)
        try:
            yield
        finally:
            server.close()

    async def handle_DATA(self, _: Any, __: Any, envelope: Envelope) -> str:  # noqa: N802, ANN401  aiosmtpd's own
        """Take a mail."""
        content = envelope.content
        message = message_from_bytes(content, policy=policy.default) if isinstance(content, bytes) else None
        if isinstance(message, EmailMessage):
            to = ", ".join(envelope.rcpt_tos)
            self.letters.appendleft(Letter(to, str(message["Subject"]), str(message.get_content())))
        return "250 OK"
