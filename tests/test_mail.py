"""Mail goes out after the answer, and whatever becomes of it tells nobody anything."""

import asyncio
import time

import pytest
import structlog.testing

from service.mail import Mail, MailServer, PostOffice, mail_server
from tests.mailing import mail_arriving

LETTER = Mail("abbie@example.com", "Your code", "Your code is 123456.\n")


def at(port: int) -> MailServer:
    return MailServer("127.0.0.1", port, "none", "Harbour <no-reply@harbour.example>")


async def test_a_letter_arrives_as_it_was_written() -> None:
    async with mail_arriving() as box:
        office = PostOffice(at(box.port))
        office.post(LETTER)
        await office.emptied(10)
    (mail,) = box.received
    assert (mail.to, mail.sender, mail.code) == (["abbie@example.com"], "no-reply@harbour.example", "123456")
    assert mail.message["Subject"] == "Your code"
    assert mail.message["Auto-Submitted"] == "auto-generated"


async def test_a_server_that_is_down_is_tried_again_and_then_it_is_said_without_a_name() -> None:
    office = PostOffice(at(1), pauses=(0.0, 0.0))
    with structlog.testing.capture_logs() as log:
        began = time.monotonic()
        office.post(LETTER)
        assert time.monotonic() - began < 1
        await office.emptied(10)
    (line,) = log
    assert line["event"] == "alarm: mail is not sent"
    assert not any(word in str(log) for word in ("abbie", "123456", "harbour"))


@pytest.mark.parametrize("to", ["", "a b@c", "x@y\nBcc: all@example.com", "ü@example.com", "\ud800@example.com"])
async def test_an_address_that_cannot_be_written_harms_nobody(to: str) -> None:
    async with mail_arriving() as box:
        with structlog.testing.capture_logs() as log:
            office = PostOffice(at(box.port), pauses=(0.0,))
            office.post(Mail(to, "Your code", "x"))
            await office.emptied(10)
        assert not any("all@example.com" in each.to for each in box.received)
    assert {each["event"] for each in log} <= {"alarm: mail is not sent"}


async def test_a_server_that_is_silent_holds_up_only_so_many_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)
        writer.close()

    monkeypatch.setattr("service.mail.MOST", 3)
    monkeypatch.setattr("service.mail.PATIENCE", 0.2)
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    office = PostOffice(at(server.sockets[0].getsockname()[1]), pauses=(0.0,))
    with structlog.testing.capture_logs() as log:
        for _ in range(5):
            office.post(LETTER)
        await office.emptied(10)
    assert sorted(each["fault"] for each in log)[-2:] == ["too many wait"] * 2
    server.close()


@pytest.mark.parametrize(
    ("url", "port", "security"),
    [
        ("smtps://mail.example", 465, "tls"),
        ("smtp://mail.example", 587, "starttls"),
        ("smtp://mail.example:2525?starttls=required", 2525, "starttls"),
        ("smtp://mail.example?starttls=no", 25, "none"),
    ],
)
def test_a_url_says_how_mail_leaves_and_without_a_word_it_is_encrypted(url: str, port: int, security: str) -> None:
    server = mail_server(url, "a@b.example")
    assert (server.host, server.port, server.security) == ("mail.example", port, security)


def test_a_name_and_a_password_may_hold_whatever_a_url_can_write() -> None:
    server = mail_server("smtps://me%40shop:p%2Fw%3A@mail.example", "a@b.example")
    assert (server.username, server.password) == ("me@shop", "p/w:")
