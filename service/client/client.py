"""The client. Reading never raises; writing retries with one idempotency key and raises when it did not happen."""

import asyncio
import secrets  # noqa: TID251  this package stands alone
from collections.abc import Sequence
from types import TracebackType
from typing import Literal, Self

import httpx
import msgspec

from service.client.answers import Answer, Customer, Fact, NotWrittenError, Problem, Written

ATTEMPTS = 3
PAUSE = 0.2
"""Seconds before the first further attempt; doubled before each one after it."""


class Byleave:
    """One service's way to Byleave. Use it as an async context manager, one for the life of the process."""

    def __init__(
        self, url: str, key: str, *, timeout: float = 2.0, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        self._http = httpx.AsyncClient(base_url=url, headers=headers, timeout=timeout, transport=transport)

    def __repr__(self) -> str:
        return "Byleave()"

    async def __aenter__(self) -> Self:
        """Open the connections."""
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._http.__aexit__(kind, error, trace)

    async def release(self, customer: Customer, purpose: str, channel: str, attributes: Sequence[str]) -> Answer:
        """Ask for attributes of a customer. Whatever goes wrong is an answer that holds nothing."""
        return await self._ask("/v1/releases", customer, purpose, channel, attributes)

    async def check(self, customer: Customer, purpose: str, channel: str, attributes: Sequence[str]) -> Answer:
        """Ask whether a release would be permitted, without values."""
        return await self._ask("/v1/decisions", customer, purpose, channel, attributes)

    async def enrol(self, customer: Customer, age_band: Literal["adult", "minor", "unknown"] = "unknown") -> Written:
        """Enrol a customer by her identifiers, or recognise her; returns this service's id of her."""
        return await self._write("/v1/customers", {"identifiers": customer, "age_band": age_band})

    async def contribute(self, customer: str, facts: Sequence[Fact]) -> Written:
        """Contribute facts about a customer."""
        return await self._write(f"/v1/customers/{customer}/attributes", {"facts": facts})

    async def record_consent(self, customer: str, purpose: str, answer: str, **more: object) -> Written:
        """Record an answer captured here; ``more`` are the further fields of the call (channel, notice, method ...)."""
        body = {"purpose": purpose, "answer": answer, **more}
        return await self._write(f"/v1/customers/{customer}/consents", body)

    async def _ask(
        self, path: str, customer: Customer, purpose: str, channel: str, attributes: Sequence[str]
    ) -> Answer:
        body = {"customer": customer, "purpose": purpose, "channel": channel, "attributes": attributes}
        try:
            response = await self._http.post(path, content=msgspec.json.encode(body))
        except httpx.HTTPError as error:
            return Answer("unavailable", failure=type(error).__name__)
        if response.status_code != httpx.codes.OK:
            return Answer("unavailable", failure=_problem(response).code)
        try:
            return msgspec.json.decode(response.content, type=Answer)
        except msgspec.MsgspecError:
            return Answer("unavailable", failure="not-understood")

    async def _write(self, path: str, body: object) -> Written:
        headers = {"idempotency-key": f'"{secrets.token_urlsafe(18)}"'}
        content, problem = msgspec.json.encode(body), Problem("unreachable")
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(PAUSE * 2 ** (attempt - 1))
            try:
                response = await self._http.post(path, content=content, headers=headers)
            except httpx.TransportError:
                continue  # it may have been written: the key makes a second effect impossible
            if response.status_code == httpx.codes.OK:
                return msgspec.json.decode(response.content, type=Written)
            problem = _problem(response)
            if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
        raise NotWrittenError(problem.code, problem.pointer)


def _problem(response: httpx.Response) -> Problem:
    try:
        return msgspec.json.decode(response.content, type=Problem)
    except msgspec.MsgspecError:
        return Problem(f"status-{response.status_code}")
