"""The two statements of a release over HTTP, and nothing else: what a gate that cost nothing would answer.

No key is checked, no policy asked, nothing is decided, opened or sealed. For a benchmark's database only.
"""

from typing import Any

import msgspec
from msgspec import Struct

from service.crypto.credentials import read_api_key
from service.crypto.random import sortable_id
from service.database import Database
from service.model.words import AttributeId, Channel, PairwiseId, PurposeId
from service.process import leave_alone_what_stays
from service.settings import read_settings
from service.storage import facts, ledger
from service.usecases.releases import Rails

ANSWER = b'{"decision":"permit","as_long_as_the_other":"' + bytes(1_500).replace(b"\0", b"x") + b'"}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))]
COMMITMENT, CONTENT = bytes(32), bytes(420)
"""As long as those of a release."""


class Who(Struct):
    """Whom a question is about."""

    id: PairwiseId


class Question(Struct):
    """What is asked."""

    customer: Who
    purpose: PurposeId
    channel: Channel
    attributes: list[AttributeId]


class Bare:
    """An ASGI application that reads what a release reads, enters an entry as long as its, and answers a constant."""

    def __init__(self) -> None:
        settings = read_settings()
        self._rails = Rails(Database(settings.database_url or "", settings.connections))
        self._read = msgspec.json.Decoder(Question).decode
        leave_alone_what_stays()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  ASGI's own
        """Answer a request (ASGI 3)."""
        if scope["type"] != "http":
            raise NotImplementedError  # ASGI's word for: nothing to do when the server starts
        # A GET only asks whether somebody is there.
        entered = scope["method"] == "GET" or await self._released(scope, await receive())
        await send({"type": "http.response.start", "status": 200 if entered else 500, "headers": HEADERS})
        await send({"type": "http.response.body", "body": ANSWER})

    async def _released(self, scope: Any, message: Any) -> bool:  # noqa: ANN401  as above
        presented = next(value for name, value in scope["headers"] if name == b"authorization")
        key, asked = read_api_key(presented.decode().removeprefix("Bearer ")).id, self._read(message["body"])
        inquiry = facts.Inquiry(
            key=key,
            pairwise=asked.customer.id,
            purpose=asked.purpose,
            channel=asked.channel,
            attributes=tuple(asked.attributes),
        )
        told = facts.told_by(await self._rails.reading.ask(key, inquiry))
        assert told.evidence is not None  # noqa: S101  the benchmark's customers have been asked about before
        assert told.publication is not None  # noqa: S101  as above
        row = (
            *(sortable_id("ent", told.now), told.customer, "release", "service:recommender", told.now),
            *(asked.purpose, asked.channel, "permit", ",".join(asked.attributes), ""),
            *(COMMITMENT, told.evidence[1], CONTENT, told.version, told.publication[0], key),
        )
        return await self._rails.entering.ask(key, ledger.Ready(told.customer, row))


def application() -> Bare:
    """Return the application."""
    return Bare()
