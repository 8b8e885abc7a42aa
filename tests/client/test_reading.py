"""A read never raises: whatever comes back that is not a clear yes is no data."""

import asyncio
import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.client import Byleave, Customer
from tests.client.conftest import (
    ABBIE,
    KEY,
    RECOMMENDATIONS,
    RELEASED,
    URL,
    WEB,
    Arranged,
    Outcome,
    ask,
    before,
    problem,
    says,
)

WHOLE = json.dumps(RELEASED).encode()
DEEP = b'{"decision": "permit", "released": {"x": {"value": ' + b"[" * 100_000

FAILURES: dict[str, tuple[Outcome, str]] = {
    "nobody there": (httpx.ConnectError("refused"), "ConnectError"),
    "a timeout": (httpx.ReadTimeout("slow"), "ReadTimeout"),
    "silence": (60.0, "TimeoutError"),
    "a lost connection": (httpx.RemoteProtocolError("gone"), "RemoteProtocolError"),
    "an error that httpx does not know": (OSError("no route"), "OSError"),
    "a fault inside": (problem(500, "integrity"), "integrity"),
    "no database": (problem(503, "database-unavailable", retry_after="1"), "database-unavailable"),
    "a wrong key": (problem(401, "unauthenticated"), "unauthenticated"),
    "no grant": (problem(403, "not-granted"), "not-granted"),
    "half an answer": (says(200, WHOLE[:100]), "DecodeError"),
    "nothing at all": (says(200, b""), "DecodeError"),
    "a page": (says(200, b"<html>Welcome to the hotel's network</html>"), "DecodeError"),
    "a proxy's page": (says(502, b"<html>Bad gateway</html>"), "status-502"),
    "a problem of somebody else's": (says(400, {"code": "Zephyrine is wrong\n"}), "status-400"),
    "success of another kind": (says(204, b""), "status-204"),
    "an answer called created": (says(201, RELEASED), "status-201"),
    "a list": (says(200, [RELEASED]), "ValidationError"),
    "no decision": (says(200, {**RELEASED, "decision": None}), "ValidationError"),
    "a decision that is not known": (says(200, {**RELEASED, "decision": "permitted"}), "ValidationError"),
    "an empty decision that is not known": (says(200, {"decision": "postponed"}), "ValidationError"),
    "values beside a no": (says(200, {**RELEASED, "decision": "deny"}), "ValidationError"),
    "values of another form": (says(200, {**RELEASED, "released": {"first_name": "Abbie"}}), "ValidationError"),
    "bytes that are no text": (says(200, WHOLE.replace(b"Zephyrine", b"\xff\xfe")), "UnicodeDecodeError"),
    "an abyss": (says(200, DEEP), "RecursionError"),
    "a redirect": (says(307, b"", location="https://elsewhere.test/v1/releases"), "status-307"),
}


@pytest.mark.parametrize(("outcome", "failure"), FAILURES.values(), ids=FAILURES.keys())
async def test_every_failure_is_no_data(outcome: Outcome, failure: str) -> None:
    transport = Arranged(outcome)
    async with before(transport) as byleave:
        for answer in (await ask(byleave), await byleave.check(ABBIE, RECOMMENDATIONS, WEB, ["first_name"])):
            assert (answer.decision, answer.failure) == ("unavailable", failure)
            assert not answer
            assert (answer.released, answer.permitted, answer.obligations) == ({}, (), ())
            assert answer.get("first_name", "reader") == "reader"
    assert len(transport.requests) == 2  # nothing was followed, nothing tried again: a page waits
    assert {request.url.host for request in transport.requests} == {"byleave.test"}


async def test_half_an_answer_is_none_wherever_it_was_cut() -> None:
    for length in range(len(WHOLE)):
        async with before(Arranged(says(200, WHOLE[:length]))) as byleave:
            assert (await ask(byleave)).decision == "unavailable"


@given(
    st.integers(200, 599),
    st.binary(max_size=60) | st.from_regex(r'\{"decision": "(permit|deny)".{0,20}\}').map(str.encode),
)
async def test_whatever_comes_back_a_read_does_not_raise(status: int, body: bytes) -> None:
    async with before(Arranged(says(status, body))) as byleave:
        answer = await ask(byleave)
    assert answer or not answer.released


async def test_an_address_that_is_no_text_is_no_data_and_is_not_sent() -> None:
    """What a visitor typed may hold half a surrogate pair, which no JSON can."""
    transport = Arranged(says(200, RELEASED))
    async with before(transport) as byleave:
        answer = await byleave.release(Customer(email="\ud800@example.com"), RECOMMENDATIONS, WEB, ["first_name"])
    assert (answer.decision, transport.requests) == ("unavailable", [])


async def test_one_limit_holds_for_the_whole_of_an_answer_however_slowly_it_trickles() -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(100):
            writer.write(b" ")
            await asyncio.sleep(0.05)

    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    async with server, Byleave(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", KEY, timeout=0.2) as byleave:
        began = asyncio.get_running_loop().time()
        assert (await ask(byleave)).failure == "TimeoutError"
        assert asyncio.get_running_loop().time() - began < 4


async def test_a_client_that_was_closed_has_no_data() -> None:
    byleave = before(Arranged(says(200, RELEASED)))
    await byleave.close()
    assert (await ask(byleave)).decision == "unavailable"


async def test_a_task_that_is_cancelled_ends() -> None:
    """Cancelling is not a failure of the read, so it is not swallowed."""
    async with Byleave(URL, KEY, timeout=60, transport=Arranged(60.0)) as byleave:
        task = asyncio.create_task(ask(byleave))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_what_a_newer_server_adds_is_passed_over() -> None:
    newer = {
        **RELEASED,
        "weather": {"wind": 7},
        "withheld": [{"attribute": "birth_year", "reason": "a-new-reason", "since": 4}],
        "obligations": [{"id": "a-new-obligation", "how": "soon"}],
    }
    async with before(Arranged(says(200, newer))) as byleave:
        answer = await ask(byleave)
    assert answer.get("first_name") == "Zephyrine"
    assert [each.reason for each in answer.withheld] == ["a-new-reason"]
    assert [each.id for each in answer.obligations] == ["a-new-obligation"]


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, {"answers": [{"answer": {"decision": "deny"}}, {"problem": {"code": "too-late"}}]}, [None, "too-late"]),
        (200, {"answers": [{"answer": {"decision": "deny"}}, {}]}, [None, "answer-missing"]),
        (200, {"answers": [{"answer": {"decision": "deny"}}]}, ["answer-missing"] * 2),
        (503, {"code": "overloaded"}, ["overloaded"] * 2),
        (200, b"not JSON", ["DecodeError"] * 2),
    ],
)
async def test_of_many_whatever_goes_wrong_is_an_answer_that_holds_nothing(
    status: int, body: object, said: list[str | None]
) -> None:
    async with before(httpx.MockTransport(lambda _: says(status, body))) as byleave:
        answers = await byleave.release_many([ABBIE, ABBIE], RECOMMENDATIONS, WEB, ["first_name"])
    assert [each.failure for each in answers] == said
    assert not any(answers)
