"""Carrying in one go what many ask at once. No knowledge of what is asked, and no waiting for company.

What arrives while a batch is away goes with the next one, so a batch is as large as the load makes it: one, when
nobody else asks, and then nothing is slower than without batches.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from service.errors import OverloadedError, ServiceError, UnavailableError

Asked = TypeVar("Asked")
Told = TypeVar("Told")


class Batches(Generic[Asked, Told]):
    """One line of batches, each sent when the one before is back."""

    def __init__(self, carry: Callable[[Sequence[Asked]], Awaitable[Sequence[Told]]], most: int, room: int) -> None:
        """``carry`` answers a batch in its order; ``most`` go at once, and ``room`` may wait."""
        self._carry = carry
        self._most = most
        self._room = room
        self._lanes: dict[str, deque[tuple[Asked, asyncio.Future[Told]]]] = {}
        self._waiting = 0
        self._line: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many wait to be carried."""
        return self._waiting

    def ask(self, lane: str, asked: Asked) -> "asyncio.Future[Told]":
        """Let something be carried; of each lane as many go at once as of any other. Raises OverloadedError."""
        if self._waiting >= self._room:
            raise OverloadedError
        future: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._lanes.setdefault(lane, deque()).append((asked, future))
        self._waiting += 1
        if self._line is None:
            self._line = asyncio.get_running_loop().create_task(self._run())
        return future

    async def _run(self) -> None:
        try:
            while batch := self._next():
                await self._send(batch)
        finally:
            self._line = None

    def _next(self) -> list[tuple[Asked, "asyncio.Future[Told]"]]:
        """Take the next batch: in turn one of each lane, and none whose caller went away."""
        batch: list[tuple[Asked, asyncio.Future[Told]]] = []
        while self._lanes and len(batch) < self._most:
            for lane in [*self._lanes]:
                asked = self._lanes[lane].popleft()
                self._waiting -= 1
                if not self._lanes[lane]:
                    del self._lanes[lane]
                if not asked[1].done():
                    batch.append(asked)
                if len(batch) == self._most:
                    break
        return batch

    async def _send(self, batch: Sequence[tuple[Asked, "asyncio.Future[Told]"]]) -> None:
        try:
            told = await self._carry([asked for asked, _ in batch])
        except Exception as error:  # noqa: BLE001  it is everybody's who was in the batch
            # Without the database who waits behind would find the same, and only later.
            _fail([*batch, *self._all_waiting()] if isinstance(error, UnavailableError) else batch, error)
        else:
            for (_, future), each in zip(batch, told, strict=True):
                if not future.done():
                    future.set_result(each)

    def _all_waiting(self) -> list[tuple[Asked, "asyncio.Future[Told]"]]:
        waiting = [asked for lane in self._lanes.values() for asked in lane]
        self._lanes.clear()
        self._waiting = 0
        return waiting


def _fail(batch: Sequence[tuple[object, "asyncio.Future[Told]"]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            # A copy each, or the traceback of one would grow in all.
            future.set_exception(type(error)(str(error)) if isinstance(error, ServiceError) else error)
