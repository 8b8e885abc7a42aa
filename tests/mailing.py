"""A mail server on loopback that keeps what it is given, and mail as its reader sees it."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope
from msgspec import Struct

CODE = re.compile(r"\b[0-9]{6}\b")
LINK = re.compile(r"https?://\S+/signin/link/(\S+)")


class Received(Struct, frozen=True):
    """A mail that arrived."""

    to: list[str]
    sender: str
    message: EmailMessage

    @property
    def text(self) -> str:
        """What it says."""
        return str(self.message.get_content())

    @property
    def code(self) -> str:
        """The code in it, empty where there is none."""
        found = CODE.search(self.text)
        return found[0] if found else ""

    @property
    def link(self) -> str:
        """The secret of the link in it, empty where there is none."""
        found = LINK.search(self.text)
        return found[1] if found else ""


class Mailbox:
    """Everything that arrived, in order."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.port = 0

    async def handle_DATA(self, _: Any, __: Any, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        """Take a mail."""
        content = envelope.content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.received.append(Received(list(envelope.rcpt_tos), envelope.mail_from or "", message))
        return "250 OK"


@asynccontextmanager
async def mail_arriving() -> AsyncIterator[Mailbox]:
    """Listen on loopback for the length of a block."""
    box = Mailbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(box, loop=loop), "127.0.0.1", 0)
    try:
        box.port = server.sockets[0].getsockname()[1]
        yield box
    finally:
        server.close()
