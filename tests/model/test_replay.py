"""Read entry by entry, the ledger leads to what the events lead to; and whatever is another row is named."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from service.model.choices import Choice
from service.model.choices import replay as replay_choices
from service.model.consent import Answer, brought, replay
from service.model.export import Consent, Limits, standing_line
from service.model.facts import Restrictions
from service.model.ledger import Body, Chose, Recorded
from service.model.replay import Replay
from service.model.words import Channel, CustomerId, EntryId, PurposeId, Status
from tests.model.test_choices import SEVERAL

DAY = datetime(2026, 3, 1, tzinfo=UTC)
HER, LINKS = CustomerId(UUID(int=1)), [UUID(int=11), UUID(int=12)]
SPOTS = st.sampled_from([(PurposeId("a"), Channel.WEB), (PurposeId("a"), Channel.EMAIL)])
HOURS = st.integers(-50, 50).map(lambda hours: timedelta(hours=hours))
EXPIRES = st.none() | st.integers(0, 100).map(lambda hours: DAY + timedelta(hours=hours))


@st.composite
def said(draw: st.DrawFn) -> list[Recorded]:
    """Answers of one customer, each an hour after the other, with yeses that came by a link among them."""
    found = []
    for number in range(draw(st.integers(0, 12))):
        status, (purpose, channel) = draw(st.sampled_from(list(Status))), draw(SPOTS)
        link = draw(st.none() | st.sampled_from(LINKS)) if status.valid else None
        given_at = DAY + timedelta(hours=number) + draw(HOURS)
        found.append(
            Recorded(
                purpose, channel, status, 1, explicit=False, given_at=given_at, expires_at=draw(EXPIRES), link=link
            )
        )
    return found


def body(number: int, recorded: list[Recorded], chosen: list[Choice]) -> Body:
    act, chose = msgspec.Raw(b'{"kind":"consent"}'), [Chose(each.kind, each.value) for each in chosen]
    return Body(act, "a", DAY + timedelta(hours=number), "0" * 64, EntryId(f"ent_{number}"), recorded, chose)


def rows_of(answers: list[Answer], ended: list[UUID]) -> list[Consent]:
    own = [standing_line(HER, each) for each in replay(each for each in answers if each.link is None).values()]
    beside = [standing_line(HER, each, link) for (_, link), each in brought(answers, ended).items()]
    return own + beside


def limits_of(stands: Restrictions) -> Limits:
    fields = {name: msgspec.to_builtins(value) for name, value in structs.asdict(stands).items()}
    return msgspec.convert({"line": "restrictions", "customer": str(HER), "said_no": [], **fields}, Limits)


def differences(read: Replay, rows: list[Consent], limits: Limits) -> list[str]:
    return [*(what for row in rows for what in read.consent(row)), *read.limits(limits), *read.rest()]


@given(recorded=said(), ended=st.sets(st.sampled_from(LINKS)), chosen=SEVERAL)
def test_entries_lead_to_what_events_lead_to(recorded: list[Recorded], ended: set[UUID], chosen: list[Choice]) -> None:
    read, answers = Replay(lambda number: f"position {number}"), list[Answer]()
    for number, each in enumerate(recorded):
        answers.append(each.answer(DAY + timedelta(hours=number), EntryId(f"ent_{number}")))
        read.take(number, HER, body(number, [each], chosen[number : number + 1]))
    read.take(len(recorded), HER, body(len(recorded), [], chosen[len(recorded) :]))
    read.part(ended)
    assert differences(read, rows_of(answers, list(ended)), limits_of(replay_choices(chosen))) == []


@given(recorded=said(), spot=SPOTS)
def test_a_row_that_is_changed_taken_away_or_put_in_is_named(
    recorded: list[Recorded], spot: tuple[PurposeId, Channel]
) -> None:
    answers = [each.answer(DAY + timedelta(hours=n), EntryId(f"ent_{n}")) for n, each in enumerate(recorded)]
    rows, limits = rows_of(answers, []), limits_of(replay_choices([]))

    def read(rows: list[Consent]) -> list[str]:
        replayed = Replay(lambda number: f"position {number}")
        replayed.take(0, HER, body(0, [], []))
        for number, each in enumerate(recorded):
            replayed.take(number, HER, body(number, [each], []))
        return differences(replayed, rows, limits)

    assert read(rows) == []
    for row in rows:
        others = [each for each in rows if each != row]
        assert len(read(others)) == 1
        assert len(read([*others, structs.replace(row, notice=2)])) == 1
        assert len(read([*rows, structs.replace(row, channel="sms")])) == 1
