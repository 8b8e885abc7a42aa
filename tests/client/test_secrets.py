"""The key and what is personal stay out of logs, errors and reprs."""

import asyncio
import logging
import pickle
import traceback

import pytest

from service.client import Byleave, Customer, Fact, NotWrittenError
from tests.client.conftest import ABBIE, HER_ID, KEY, RELEASED, Arranged, ask, before, says

HEAD = b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: 100\r\nLocation: https://elsewhere.test/\r\n\r\n"


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("status", [b"200 OK", b"503 Busy", b"307 Elsewhere"])
async def test_no_log_line_of_ours_or_of_httpx_holds_the_key_or_the_customer(
    status: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Before a real socket, so that every layer below has something to say."""

    async def half_an_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD % status)
        writer.close()

    caplog.set_level(logging.DEBUG)
    server = await asyncio.start_server(half_an_answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, Byleave(url, KEY) as byleave:
        assert (await ask(byleave)).failure == "RemoteProtocolError"
        with pytest.raises(NotWrittenError) as failed:
            await byleave.enrol(ABBIE)
    said = caplog.text + "".join(traceback.format_exception(failed.value)) + repr(byleave)
    assert "no data: RemoteProtocolError" in said
    assert "receive_response_headers" in said
    assert not [secret for secret in (KEY, KEY[:12], "abbie@", "bearer ") if secret in said.lower()]


@pytest.mark.parametrize("key", ["", "Bearer byl_x", "byl_x\nX-Evil: 1", "byl_\u00e9", "byl_x byl_y"])
def test_what_is_no_key_is_refused_without_quoting_it(key: str) -> None:
    with pytest.raises(ValueError, match=r"^this is not an API key$"):
        Byleave("http://byleave.test", key)


async def test_a_key_may_come_with_the_line_end_of_its_file() -> None:
    transport = Arranged(says(200, RELEASED))
    async with Byleave("http://byleave.test", f"{KEY}\n", transport=transport) as byleave:
        await ask(byleave)
    assert transport.requests[0].headers["authorization"] == f"Bearer {KEY}"


async def test_no_repr_shows_a_value_or_an_identifier() -> None:
    async with before(Arranged(says(200, RELEASED))) as byleave:
        answer = await ask(byleave)
    fact = Fact(attribute="first_name", value="Zephyrine", provenance="volunteered")
    everybody = Customer(id=HER_ID, email="zephyrine@example.com", phone="+442079460018", loyalty="HB1")
    shown = repr([answer, answer.released, fact, everybody, byleave, vars(byleave)])
    assert "first_name" in shown
    assert not [word for word in ("ephyrine", "7946", "HB1", HER_ID, KEY) if word in shown]


def test_an_error_can_be_handed_to_another_process() -> None:
    error = pickle.loads(pickle.dumps(NotWrittenError("not-granted", "/answer")))  # noqa: S301  our own bytes
    assert str(error) == "not-granted at /answer"
