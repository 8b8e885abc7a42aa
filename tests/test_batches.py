"""Batches: everybody gets his own answer, nobody waits for company, and nobody is crowded out."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.batches import Batches
from service.errors import DatabaseUnavailableError, IntegrityError, OverloadedError


class Carrier:
    """Carries numbers and brings back their doubles, once it is let go; remembers every batch."""

    def __init__(self, *, held: bool = False) -> None:
        self.batches: list[list[int]] = []
        self.go = asyncio.Event()
        self.error: Exception | None = None
        if not held:
            self.go.set()

    async def __call__(self, asked: Sequence[int]) -> list[int]:
        self.batches.append(list(asked))
        await self.go.wait()
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return [2 * each for each in asked]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers()), max_size=40), st.integers(1, 9))
def test_everybody_gets_his_own_answer_whatever_is_carried_together(asked: list[tuple[str, int]], most: int) -> None:
    async def run() -> None:
        carrier = Carrier()
        batches = Batches(carrier, most, 1000)
        assert await asyncio.gather(*(batches.ask(*each) for each in asked)) == [2 * number for _, number in asked]
        assert all(len(batch) <= most for batch in carrier.batches)
        assert sorted(number for batch in carrier.batches for number in batch) == sorted(number for _, number in asked)
        assert batches.waiting == 0

    asyncio.run(run())


async def test_what_arrives_while_a_batch_is_away_goes_with_the_next() -> None:
    carrier = Carrier(held=True)
    batches = Batches(carrier, 10, 10)
    first = batches.ask("a", 1)
    await asyncio.sleep(0)
    others = [batches.ask("a", number) for number in (2, 3, 4)]
    carrier.go.set()
    assert await asyncio.gather(first, *others) == [2, 4, 6, 8]
    assert carrier.batches == [[1], [2, 3, 4]]


async def test_of_each_lane_as_many_go_as_of_any_other() -> None:
    carrier = Carrier(held=True)
    batches = Batches(carrier, 4, 100)
    many = [batches.ask("greedy", number) for number in range(20)]
    few = [batches.ask("modest", number) for number in (100, 101)]
    carrier.go.set()
    await asyncio.gather(*many, *few)
    assert carrier.batches[0] == [0, 100, 1, 101]


async def test_who_went_away_is_not_carried_and_his_answer_harms_nobody() -> None:
    carrier = Carrier(held=True)
    batches = Batches(carrier, 2, 10)
    first, second = batches.ask("a", 1), batches.ask("a", 2)
    await asyncio.sleep(0)
    third, fourth = batches.ask("a", 3), batches.ask("a", 4)
    first.cancel()  # is away already
    third.cancel()
    carrier.go.set()
    assert (await second, await fourth) == (4, 8)
    assert carrier.batches == [[1, 2], [4]]


async def test_more_than_there_is_room_for_is_refused_at_once() -> None:
    carrier = Carrier(held=True)
    batches = Batches(carrier, 1, 2)
    waiting = [batches.ask("a", 1)]
    await asyncio.sleep(0)
    waiting += [batches.ask("a", 2), batches.ask("b", 3)]
    with pytest.raises(OverloadedError):
        await batches.ask("c", 4)
    carrier.go.set()
    assert await asyncio.gather(*waiting) == [2, 4, 6]
    assert await batches.ask("c", 4) == 8


async def test_without_the_database_who_waits_behind_is_told_so_too_and_the_next_tries_again() -> None:
    carrier = Carrier(held=True)
    batches = Batches(carrier, 1, 10)
    carrier.error = DatabaseUnavailableError("gone")
    first = batches.ask("a", 1)
    await asyncio.sleep(0)
    behind = batches.ask("a", 2)
    carrier.go.set()
    for each in (first, behind):
        with pytest.raises(DatabaseUnavailableError):
            await each
    assert carrier.batches == [[1]]
    assert await batches.ask("a", 3) == 6


async def test_another_fault_is_only_theirs_who_were_in_the_batch() -> None:
    carrier = Carrier(held=True)
    batches = Batches(carrier, 1, 10)
    carrier.error = IntegrityError("odd")
    first = batches.ask("a", 1)
    await asyncio.sleep(0)
    behind = batches.ask("a", 2)
    carrier.go.set()
    with pytest.raises(IntegrityError):
        await first
    assert await behind == 4
