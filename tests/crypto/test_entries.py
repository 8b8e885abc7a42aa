"""What an entry is committed to: it says all, shows nothing, and is spelt in one way."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin
from uuid import UUID

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from service.crypto.entries import (
    SEED,
    Content,
    commitment,
    content_of,
    mark_of,
    new_content,
    open_content,
    opening_of,
    seal_content,
)
from service.crypto.keyring import OpenKey
from service.crypto.merkle import leaf_hash
from service.errors import IntegrityError
from service.model.facts import Sealed
from service.model.ledger import Act, Body, Chose, Entry, LookedUp, Recorded
from service.model.words import Channel, CustomerId, EntryId, PurposeId, Status
from tests.examples import some

ANA, BO = CustomerId(UUID(int=0xA11A)), CustomerId(UUID(int=0xB0))
AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
KEY = OpenKey("evidence-key", bytes(range(32)))
VECTORS = Path(__file__).parents[1] / "vectors"
GOLDEN: dict[str, Any] = msgspec.json.decode((VECTORS / "golden-entry-1.json").read_bytes())
RECORDED = Recorded(
    purpose=PurposeId("market.newsletter"),
    channel=Channel.EMAIL,
    status=Status.GIVEN,
    notice=2,
    explicit=False,
    given_at=AT,
    expires_at=AT + timedelta(days=730),
    link=UUID(int=0x11),
)
ENTRY = Entry(
    id=EntryId("ent_01"),
    customer=ANA,
    actor="operator:ann",
    at=AT,
    act=LookedUp(what="consents", reason='she asked "Wozu?" at Café Ölmühle'),
    recorded=(RECORDED,),
    chosen=(Chose("pause", "2026-02-01T00:00:00+00:00"),),
)


def kinds(kind: type[Act] = Act) -> Iterator[type[Act]]:
    """Every kind of act that there is."""
    for each in kind.__subclasses__():
        yield each
        yield from kinds(each)


ACTS = sorted(kinds(), key=lambda kind: kind.__name__)


# --- the canonical form ---


WORDS = st.from_regex(r"[a-z_.#/-]{1,12}", fullmatch=True)
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(),
    int: st.integers(-(2**53) + 1, 2**53 - 1),
    bool: st.booleans(),
    list[str]: st.lists(st.text()),
    dict[str, str]: st.dictionaries(WORDS, st.text()),
    UUID: st.uuids(),
    datetime: st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])),
}
"""The only types that may stand in a body: words, whole numbers and lists of words, whose spelling is one."""


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Return values of one type; fails for a type that a body must not hold."""
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    if get_origin(kind) is UnionType:
        return st.one_of([st.none() if each is type(None) else values_of(each) for each in get_args(kind)])
    if kind in (Channel, Status):
        return st.sampled_from(list(kind))
    return VALUES[getattr(kind, "__supertype__", kind)]


@cache
def made(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Return instances of a struct with any values."""
    return st.builds(kind, **{each.name: values_of(each.type) for each in msgspec.structs.fields(kind)})


@pytest.mark.parametrize("kind", ACTS)
@given(data=st.data())
@some(25)
def test_the_body_of_every_act_is_canonical_json(kind: type[Act], data: st.DataObject) -> None:
    entry = data.draw(
        st.builds(
            Entry,
            id=st.text().map(EntryId),
            customer=st.sampled_from([ANA, None]),
            actor=st.text(),
            at=VALUES[datetime],
            act=made(kind),
            recorded=st.lists(made(Recorded), max_size=3).map(tuple),
            chosen=st.lists(made(Chose), max_size=3).map(tuple),
        )
    )
    body = new_content(entry).body
    assert body == rfc8785.dumps(json.loads(body))
    said = msgspec.json.decode(body, type=Body)
    assert (said.id, said.actor, said.at, said.recorded, said.chosen) == (
        entry.id,
        entry.actor,
        entry.at,
        list(entry.recorded),
        list(entry.chosen),
    )
    assert msgspec.json.decode(said.act, type=kind) == entry.act


def test_every_kind_of_act_has_a_word_of_its_own() -> None:
    tags = [kind.__struct_config__.tag for kind in ACTS]
    assert len(set(tags)) == len(tags) > 25
    assert all(isinstance(tag, str) and tag.isascii() for tag in tags)


# --- what it is committed to ---


def test_a_commitment_opens_with_its_opening_and_its_body_only() -> None:
    content = new_content(ENTRY)
    assert commitment(content.opening, content.body) == content.commitment
    again = new_content(ENTRY)
    assert content.commitment not in (
        commitment(again.opening, content.body),
        commitment(content.opening, again.body),
        commitment(content.seed, content.body),
        commitment(content.opening, content.body + b" "),
    )


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_commitment_to_anything_else_is_another(place: int, bit: int) -> None:
    content = new_content(ENTRY)
    whole = bytearray(content.opening + content.body)
    whole[place % len(whole)] ^= 1 << bit
    assert commitment(bytes(whole[:32]), bytes(whole[32:])) != content.commitment


def test_two_entries_that_say_the_same_cannot_be_told_to_be_of_one_customer() -> None:
    contents = [new_content(ENTRY) for _ in range(100)]
    marks = {msgspec.json.decode(each.body, type=Body).customer for each in contents}
    for different in (marks, {each.commitment for each in contents}, {each.opening for each in contents}):
        assert len(different) == 100


def test_a_mark_is_told_by_who_has_the_seed_and_by_nobody_who_has_the_opening() -> None:
    content = new_content(ENTRY)
    mark = msgspec.json.decode(content.body, type=Body).customer
    assert mark == mark_of(content.seed, ANA)
    assert mark not in (mark_of(content.seed, BO), mark_of(content.opening, ANA), mark_of(content.commitment, ANA))
    assert ANA.bytes not in content.body
    assert all(spelling not in content.body for spelling in (str(ANA).encode(), ANA.hex.encode()))
    assert content.seed.hex().encode() not in content.body


def test_an_entry_about_nobody_marks_nobody() -> None:
    content = new_content(msgspec.structs.replace(ENTRY, customer=None))
    assert msgspec.json.decode(content.body, type=Body).customer is None


def test_nothing_of_what_an_entry_says_is_in_its_repr() -> None:
    content = new_content(ENTRY)
    assert repr(content) == "Content()"
    assert "2026" not in repr(ENTRY.chosen)


# --- sealed ---


def test_what_is_sealed_opens_as_it_was_and_shows_nothing() -> None:
    content = new_content(ENTRY)
    sealed = seal_content(KEY, ANA, ENTRY.id, content)
    assert open_content(KEY, ANA, ENTRY.id, sealed) == content
    assert b"operator:ann" not in sealed.data
    assert content.seed not in sealed.data
    assert content.opening not in sealed.data


@pytest.mark.parametrize(
    ("key", "customer", "id_"),
    [
        (KEY, BO, "ent_01"),
        (KEY, ANA, "ent_02"),
        (OpenKey("another-key", KEY.key), ANA, "ent_01"),
        (OpenKey(KEY.id, bytes(32)), ANA, "ent_01"),
    ],
    ids=["another customer", "another entry", "a key of another name", "another key"],
)
def test_what_was_moved_does_not_open(key: OpenKey, customer: CustomerId, id_: str) -> None:
    sealed = seal_content(KEY, ANA, ENTRY.id, new_content(ENTRY))
    with pytest.raises(IntegrityError):
        open_content(key, customer, EntryId(id_), sealed)


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_what_was_changed_does_not_open(place: int, bit: int) -> None:
    sealed = bytearray(seal_content(KEY, ANA, ENTRY.id, new_content(ENTRY)).data)
    sealed[place % len(sealed)] ^= 1 << bit
    with pytest.raises(IntegrityError):
        open_content(KEY, ANA, ENTRY.id, Sealed(bytes(sealed)))


def test_what_is_shorter_than_a_seed_is_no_content() -> None:
    with pytest.raises(IntegrityError):
        open_content(KEY, ANA, ENTRY.id, seal_content(KEY, ANA, ENTRY.id, Content(bytes(SEED - 1), b"")))


# --- the form of today ---


def test_the_form_of_today_is_that_of_every_entry_that_was_ever_made() -> None:
    """The file is never changed: a commitment that was published is checked by this form for ever."""
    seed = bytes.fromhex(GOLDEN["seed"])
    content = Content(seed, ENTRY.body(mark_of(seed, ANA)))
    found = {
        "seed": seed.hex(),
        "opening": opening_of(seed).hex(),
        "body": content.body.decode(),
        "commitment": content.commitment.hex(),
        "leaf": leaf_hash(content.commitment).hex(),
    }
    assert found == {name: GOLDEN[name] for name in found}
    assert content_of(content.joined) == content
    assert open_content(KEY, ANA, ENTRY.id, Sealed(bytes.fromhex(GOLDEN["sealed"]))) == content
