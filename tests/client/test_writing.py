"""A write happens once, or is said not to have happened."""

import asyncio
import re

import httpx
import pytest

from service.client import Byleave, Consent, Customer, Fact, NotWrittenError, Recorded
from tests.client.conftest import HER_ID, RECOMMENDATIONS, RECORDED, Arranged, Outcome, before, problem, says

YES = Consent(purpose=RECOMMENDATIONS, answer="given", channel="web", notice=2)
BUSY = problem(503, "database-unavailable", retry_after="0")


async def record(transport: httpx.AsyncBaseTransport) -> Recorded:
    """Record a yes."""
    async with before(transport) as byleave:
        return await byleave.record_consent(HER_ID, YES)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("refused"),
        httpx.RemoteProtocolError("half an answer"),
        60.0,
        BUSY,
        problem(500, "refused"),
        problem(429, "too-many", retry_after="0"),
        problem(409, "still-being-done", retry_after="0"),
        says(502, b"<html>Bad gateway</html>"),
        says(200, b'{"version": 7, "ent'),
    ],
    ids=["nobody", "half", "silence", "503", "500", "429", "409 with Retry-After", "proxy", "cut"],
)
async def test_a_write_that_failed_is_tried_again_under_the_same_key(failure: Outcome) -> None:
    transport = Arranged(failure, failure, says(200, RECORDED))
    assert (await record(transport)).version == 7
    assert len(transport.requests) == 3
    (key,) = transport.keys
    assert re.fullmatch(r'"[A-Za-z0-9_-]{24}"', key)  # a string as RFC 9651 writes it
    assert len({request.content for request in transport.requests}) == 1


async def test_every_write_has_a_key_of_its_own() -> None:
    transport = Arranged(says(200, RECORDED | {"customer": HER_ID}))
    async with before(transport) as byleave:
        await byleave.enrol(Customer(email="abbie@example.com"))
        await byleave.contribute(HER_ID, [Fact(attribute="first_name", value="Abbie", provenance="volunteered")])
        await byleave.record_consent(HER_ID, YES)
        await byleave.withdraw(HER_ID, RECOMMENDATIONS)
        await byleave.withdraw(HER_ID, RECOMMENDATIONS)
    assert len(transport.keys) == 5


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (httpx.ConnectError("refused"), "ConnectError"),
        (BUSY, "database-unavailable"),
        (says(200, b"<html>Welcome</html>"), "DecodeError"),
    ],
)
async def test_after_three_attempts_a_write_says_that_it_did_not_happen(outcome: Outcome, code: str) -> None:
    transport = Arranged(outcome)
    with pytest.raises(NotWrittenError) as failed:
        await record(transport)
    assert failed.value.code == code
    assert len(transport.requests) == 3
    assert failed.value.__context__ is None  # what happened further in could quote the request


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
async def test_a_refusal_is_not_tried_again(status: int) -> None:
    transport = Arranged(problem(status, "not-granted"))
    with pytest.raises(NotWrittenError, match=r"^not-granted at /answer$") as refused:
        await record(transport)
    assert (refused.value.code, refused.value.pointer, len(transport.requests)) == ("not-granted", "/answer", 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    transport = Arranged(says(status, b"", location="https://elsewhere.test/"))
    with pytest.raises(NotWrittenError, match=f"^status-{status}$"):
        await record(transport)
    assert len(transport.requests) == 1


@pytest.mark.usefixtures("hurried")
async def test_a_server_is_left_alone_for_as_long_as_it_asks() -> None:
    transport = Arranged(problem(503, "unavailable", retry_after="1"), says(200, RECORDED))
    began = asyncio.get_running_loop().time()
    await record(transport)
    assert asyncio.get_running_loop().time() - began >= 1


async def test_a_server_that_asks_for_too_long_is_not_waited_for_and_not_asked_too_early() -> None:
    transport = Arranged(problem(503, "unavailable", retry_after="3600"), says(200, RECORDED))
    with pytest.raises(NotWrittenError, match=r"^unavailable"):
        await record(transport)
    assert len(transport.requests) == 1


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("written", ["Wed, 21 Oct 2026 07:28:00 GMT", "-1", "soon", "1.5"])
async def test_a_wait_that_is_not_in_seconds_is_a_wait_of_our_own(written: str) -> None:
    transport = Arranged(problem(409, "still-being-done", retry_after=written), says(200, RECORDED))
    assert (await record(transport)).version == 7


@pytest.mark.parametrize("customer", ["abbie@example.com", "byc_abc/../../me", "byc_abc?x", "", "byc_abc\n"])
async def test_nothing_but_her_id_stands_in_an_address(customer: str) -> None:
    transport = Arranged(says(200, RECORDED))
    async with before(transport) as byleave:
        for write in (byleave.withdraw(customer, RECOMMENDATIONS), byleave.contribute(customer, [])):
            with pytest.raises(NotWrittenError, match=r"^unknown-customer$"):
                await write
    assert transport.requests == []


@pytest.mark.usefixtures("hurried")
async def test_a_client_that_was_closed_writes_nothing() -> None:
    byleave = before(Arranged(says(200, RECORDED)))
    await byleave.close()
    with pytest.raises(NotWrittenError):
        await byleave.withdraw(HER_ID, RECOMMENDATIONS)


async def test_a_write_that_is_cancelled_ends() -> None:
    async with Byleave("http://byleave.test", "byl_x", timeout=60, transport=Arranged(60.0)) as byleave:
        task = asyncio.create_task(byleave.withdraw(HER_ID, RECOMMENDATIONS))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
