"""Sending mail, after the answer: whoever is served neither waits for it nor learns whether it went out."""

import asyncio
from email.message import EmailMessage
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

import structlog
from aiosmtplib import SMTPException, send
from msgspec import Struct

log = structlog.get_logger()
Security = Literal["tls", "starttls", "none"]
PAUSES = (0.0, 2.0, 15.0, 60.0)
"""Seconds before each attempt; after the last it is given up, and she asks again."""
PATIENCE = 10.0
AT_ONCE = 4
MOST = 1000
"""Letters that wait; beyond that a mail server has been away for long, or somebody means harm."""


class MailServer(Struct, frozen=True):
    """Through which server mail leaves, and from whom."""

    host: str
    port: int
    security: Security
    sender: str
    username: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return f"MailServer({self.host!r})"


class Mail(Struct, frozen=True):
    """A text for one person; its repr hides all of it."""

    to: str
    subject: str
    text: str

    def __repr__(self) -> str:
        return "Mail()"


def mail_server(url: str, sender: str) -> MailServer:
    """Return the server that a URL means: ``smtps://``, or ``smtp://`` with STARTTLS unless ``?starttls=no``."""
    parts = urlsplit(url)
    plain = parse_qs(parts.query).get("starttls") == ["no"]
    security: Security = "tls" if parts.scheme == "smtps" else "none" if plain else "starttls"
    port = parts.port or {"tls": 465, "starttls": 587, "none": 25}[security]
    username = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    return MailServer(parts.hostname or "", port, security, sender, username, password)


class PostOffice:
    """Takes letters and sends them in the background; they are in memory only, so a process that ends forgets them."""

    def __init__(self, server: MailServer, pauses: tuple[float, ...] = PAUSES) -> None:
        self._server = server
        self._pauses = pauses
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._waiting: set[asyncio.Task[None]] = set()

    def post(self, mail: Mail) -> None:
        """Take a letter. It never raises, and takes as long for one as for another."""
        if len(self._waiting) >= MOST:
            log.error("alarm: mail is not sent", fault="too many wait")
            return
        task = asyncio.create_task(self._send(mail))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def emptied(self, seconds: float) -> None:
        """Wait until nothing waits any more, or for so long."""
        if self._waiting:
            await asyncio.wait(self._waiting, timeout=seconds)

    async def _send(self, mail: Mail) -> None:
        fault = ""
        for pause in self._pauses:
            await asyncio.sleep(pause)
            try:
                async with self._turn:
                    await self._hand_over(mail)
            except (
                SMTPException,
                OSError,
                TimeoutError,
                ValueError,
            ) as error:  # ValueError: an address it cannot write
                fault = type(error).__name__
            else:
                return
        log.error("alarm: mail is not sent", fault=fault)

    async def _hand_over(self, mail: Mail) -> None:
        server = self._server
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = server.sender, mail.to, mail.subject
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
        await send(
            message,
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            timeout=PATIENCE,
        )
