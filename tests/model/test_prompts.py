"""Whether to ask: a table of what happened before, and the laws that hold whatever happened."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import structs

from service.model.catalogue import Catalogue
from service.model.facts import FLAGS, Restrictions, Standing, restrictions_at_enrolment
from service.model.prompts import YEAR, Asking, Hearing, Past, Prompt, Reason, as_one, offered, prompts
from service.model.snapshots import LIFE
from service.model.words import AgeBand, Channel, PurposeId, Status
from service.policy.engine import Policies

NOW = datetime(2026, 5, 1, tzinfo=UTC)
PICKS, LETTER, PANEL = (PurposeId(p) for p in ("personalise.recommendations", "market.newsletter", "research.panel"))
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
OPEN = restrictions_at_enrolment(AgeBand.ADULT)
HEARING = Hearing(Channel.EMAIL, "en", NOW, [OPEN])
GIVEN, REFUSED, WITHDRAWN = Status.GIVEN, Status.REFUSED, Status.WITHDRAWN
REQUESTED, DEFERRED = Status.REQUESTED, Status.DEFERRED


@pytest.fixture(scope="module")
def catalogue(policies: Policies) -> Catalogue:
    return policies.catalogue


def last(status: Status, notice: int, ago: timedelta, *, begun: timedelta | None = None) -> Asking:
    return Asking(status, notice, NOW - (ago if begun is None else begun), NOW - ago)


def stands(status: Status, notice: int, ago: timedelta, *, ends: timedelta | None = None) -> Standing:
    expires = None if ends is None else NOW + ends
    return Standing(PICKS, Channel.EMAIL, status, notice, False, NOW - ago, expires)


def said(status: Status, notice: int, ago: timedelta, **more: Any) -> Past:
    """Return the past of somebody whose last answer stands."""
    return Past(last(status, notice, ago), notice, stands(status, notice, ago, **more))


def asked(catalogue: Catalogue, past: Past, hearing: Hearing = HEARING, purpose: PurposeId = PICKS) -> Prompt:
    (prompt,) = prompts(catalogue, hearing, {purpose: past})
    return prompt


ASK = [
    (Past(), Reason.NEVER_ASKED),
    (said(REQUESTED, 2, 29 * MINUTE), Reason.BEING_ASKED),
    (said(REQUESTED, 2, 365 * DAY), Reason.ASKED_LONG_AGO),
    (said(REQUESTED, 1, DAY), Reason.NEW_SCOPE),
    (said(DEFERRED, 1, DAY), Reason.NEW_SCOPE),
    (said(GIVEN, 1, DAY, ends=700 * DAY), Reason.NEW_SCOPE),
    (said(REFUSED, 1, DAY), Reason.NEW_SCOPE),
    (said(GIVEN, 2, 700 * DAY, ends=30 * DAY), Reason.ENDS_SOON),
    (said(GIVEN, 2, 730 * DAY, ends=timedelta(0)), Reason.ENDED),
    (said(REFUSED, 2, 365 * DAY), Reason.ASKED_LONG_AGO),
    (said(WITHDRAWN, 0, 365 * DAY), Reason.ASKED_LONG_AGO),
    (said(DEFERRED, 2, 365 * DAY), Reason.ASKED_LONG_AGO),
    # She said yes to the first notice, and the second is on her screen.
    (Past(last(REQUESTED, 2, MINUTE), 2, stands(GIVEN, 1, 90 * DAY)), Reason.BEING_ASKED),
    (Past(None, 0, stands(Status.UNKNOWN, 0, DAY)), Reason.NEVER_ASKED),
]
SILENT = [
    (said(REQUESTED, 2, 30 * MINUTE), Reason.ASKED_RECENTLY),
    (said(REQUESTED, 2, 364 * DAY), Reason.ASKED_RECENTLY),
    # However often the page is loaded again, the asking began when it began.
    (Past(last(REQUESTED, 2, MINUTE, begun=31 * MINUTE), 2, stands(REQUESTED, 2, 31 * MINUTE)), Reason.ASKED_RECENTLY),
    (said(GIVEN, 2, DAY, ends=700 * DAY), Reason.ANSWERED),
    (said(GIVEN, 2, 699 * DAY, ends=31 * DAY), Reason.ANSWERED),
    (said(GIVEN, 2, 345 * DAY, ends=20 * DAY), Reason.ANSWERED),
    (said(REFUSED, 2, 364 * DAY), Reason.REFUSED_RECENTLY),
    # A withdrawal names no notice; it is an answer to all that was in force.
    (said(WITHDRAWN, 0, DAY), Reason.REFUSED_RECENTLY),
    (Past(last(WITHDRAWN, 0, DAY), 1, stands(WITHDRAWN, 0, DAY)), Reason.REFUSED_RECENTLY),
    (said(DEFERRED, 2, 364 * DAY), Reason.DEFERRED_RECENTLY),
    (Past(last(DEFERRED, 0, DAY), 1, stands(DEFERRED, 0, DAY)), Reason.DEFERRED_RECENTLY),
    # Asked for what is new, she went away: the yes to the first notice stands, and she is left in peace.
    (Past(last(REQUESTED, 2, DAY), 2, stands(GIVEN, 1, 90 * DAY)), Reason.ASKED_RECENTLY),
    # A service that shows the notice although she refused does not make her somebody to be asked.
    (Past(last(REQUESTED, 2, MINUTE), 2, stands(REFUSED, 2, DAY)), Reason.REFUSED_RECENTLY),
    (Past(last(REQUESTED, 2, MINUTE), 2, stands(GIVEN, 2, DAY)), Reason.ANSWERED),
    # The company took a yes back: nobody asks again at once.
    (Past(last(GIVEN, 2, 9 * DAY), 2, stands(Status.REVOKED, 2, DAY)), Reason.ASKED_RECENTLY),
    # A notice that there never was, named with a no, opens nothing.
    (Past(last(DEFERRED, 99, DAY), 0, stands(DEFERRED, 99, DAY)), Reason.DEFERRED_RECENTLY),
]


@pytest.mark.parametrize(("past", "reason"), ASK)
def test_she_is_asked(catalogue: Catalogue, past: Past, reason: Reason) -> None:
    prompt = asked(catalogue, past)
    assert (prompt.ask, prompt.reason) == (True, reason)
    assert prompt.words is not None
    assert (prompt.words.version, prompt.words.language) == (2, "en")


@pytest.mark.parametrize(("past", "reason"), SILENT)
def test_she_is_left_in_peace(catalogue: Catalogue, past: Past, reason: Reason) -> None:
    assert asked(catalogue, past) == Prompt(catalogue.purposes[PICKS], reason)


def test_a_notice_that_is_new_in_its_words_only_asks_nobody_again(catalogue: Catalogue) -> None:
    assert catalogue.notice_in_force(LETTER) == 2
    for status, reason in [(GIVEN, Reason.ANSWERED), (REFUSED, Reason.REFUSED_RECENTLY)]:
        assert asked(catalogue, said(status, 1, DAY), purpose=LETTER).reason is reason
    assert asked(catalogue, said(REQUESTED, 1, DAY), purpose=LETTER).reason is Reason.ASKED_RECENTLY


HELD_BACK: list[tuple[dict[str, Any], PurposeId, Reason]] = [
    ({"may_process": False}, PICKS, Reason.NOT_NOW),
    ({"paused_until": NOW + MINUTE}, PICKS, Reason.NOT_NOW),
    ({"may_market": False}, LETTER, Reason.NOT_NOW),
    ({"may_profile": False}, PICKS, Reason.NOT_NOW),
    ({"may_share": False}, LETTER, Reason.NOT_NOW),
    ({"age_band": AgeBand.MINOR}, LETTER, Reason.ADULTS_ONLY),
    ({"age_band": AgeBand.UNKNOWN}, PANEL, Reason.ADULTS_ONLY),
    ({"age_band": AgeBand.UNKNOWN}, PICKS, Reason.ADULTS_ONLY),
]


@pytest.mark.parametrize(("limits", "purpose", "reason"), HELD_BACK)
def test_who_forbids_it_is_not_asked_for_it(
    catalogue: Catalogue, limits: dict[str, Any], purpose: PurposeId, reason: Reason
) -> None:
    hearing = structs.replace(HEARING, limits=[structs.replace(OPEN, **limits)])
    assert asked(catalogue, Past(), hearing, purpose) == Prompt(catalogue.purposes[purpose], reason)
    assert asked(catalogue, Past(), HEARING, purpose).ask


def test_what_forbids_one_thing_leaves_another_to_be_asked(catalogue: Catalogue) -> None:
    for limits, purpose in [
        ({"may_market": False}, PICKS),
        ({"may_profile": False}, LETTER),
        ({"may_share": False}, PANEL),
    ]:
        hearing = structs.replace(HEARING, limits=[structs.replace(OPEN, **limits)])
        assert asked(catalogue, Past(), hearing, purpose).ask
    over = structs.replace(HEARING, limits=[structs.replace(OPEN, paused_until=NOW)])
    assert asked(catalogue, Past(), over).ask


def test_in_her_quiet_hours_she_is_not_rung_up_to_be_asked(catalogue: Catalogue) -> None:
    night = structs.replace(OPEN, quiet_hours="22:00-07:00 Europe/Berlin")
    for limits, now, ask in [(night, NOW, False), (night, NOW + 12 * 60 * MINUTE, True), (OPEN, NOW, True)]:
        hearing = Hearing(Channel.PHONE, "en", now, [limits])
        assert asked(catalogue, Past(), hearing, PANEL).ask is ask


def test_without_proof_of_what_she_forbids_nobody_is_asked(catalogue: Catalogue) -> None:
    assert asked(catalogue, Past(), structs.replace(HEARING, limits=[])).reason is Reason.UNVERIFIED


def test_nobody_is_asked_in_a_language_without_a_notice(catalogue: Catalogue) -> None:
    french = structs.replace(HEARING, language="fr")
    assert asked(catalogue, Past(), french) == Prompt(catalogue.purposes[PICKS], Reason.NO_NOTICE_IN_THIS_LANGUAGE)
    german = asked(catalogue, Past(), structs.replace(HEARING, language="de")).words
    assert german is not None
    assert german.language == "de"


def test_what_is_offered_on_a_channel_rests_on_consent_and_is_offered_there(catalogue: Catalogue) -> None:
    assert offered(catalogue, Channel.WEB) == [PICKS]
    assert offered(catalogue, Channel.EMAIL) == [LETTER, PICKS, PANEL, "share.airline"]
    assert offered(catalogue, Channel.INTERNAL) == []


# --- laws ---

STATUSES = st.sampled_from([GIVEN, Status.RENEWED, REFUSED, WITHDRAWN, REQUESTED, DEFERRED])
AGO = st.one_of(
    st.timedeltas(timedelta(0), 800 * DAY),
    st.sampled_from([timedelta(0), LIFE, LIFE - MINUTE, YEAR, YEAR - MINUTE, 335 * DAY, 700 * DAY, 730 * DAY]),
)


@st.composite
def pasts(draw: st.DrawFn) -> Past:
    """Draw anything that the database may hold, sensible or not."""
    asking = None
    if draw(st.booleans()):
        recorded, since = draw(AGO), draw(st.sampled_from([timedelta(0), 10 * MINUTE, 40 * MINUTE, DAY]))
        asking = Asking(draw(STATUSES), draw(st.integers(0, 4)), NOW - recorded - since, NOW - recorded)
    standing = None
    if draw(st.booleans()):
        status = draw(st.sampled_from(list(Status)))
        ends = draw(st.sampled_from([None, -DAY, timedelta(0), DAY, 30 * DAY, 400 * DAY]))
        standing = stands(status, draw(st.integers(0, 4)), draw(AGO), ends=ends)
    return Past(asking, draw(st.integers(0, 3)), standing)


@st.composite
def limits(draw: st.DrawFn) -> Restrictions:
    """Draw what somebody may forbid."""
    flags: dict[str, Any] = {name: draw(st.booleans()) for name in FLAGS}
    paused = draw(st.sampled_from([None, NOW - DAY, NOW, NOW + DAY]))
    return structs.replace(Restrictions(draw(st.sampled_from(AgeBand)), paused_until=paused), **flags)


EVERY_PURPOSE = st.sampled_from([PICKS, LETTER, PANEL])
HEARINGS = st.builds(
    Hearing,
    st.just(Channel.EMAIL),
    st.sampled_from(["en", "de", "fr"]),
    st.just(NOW),
    st.lists(limits(), max_size=3),
)


@given(past=pasts(), purpose=EVERY_PURPOSE)
@example(past=said(REQUESTED, 2, LIFE), purpose=PICKS)
@example(past=Past(last(WITHDRAWN, 0, DAY), 1, stands(WITHDRAWN, 0, DAY)), purpose=PICKS)
def test_she_is_never_asked_twice_within_a_year_unless_the_notice_is_materially_new(
    catalogue: Catalogue, past: Past, purpose: PurposeId
) -> None:
    prompt = asked(catalogue, past, HEARING, purpose)
    if prompt.ask and past.last is not None and past.last.recorded_at + YEAR > NOW:
        same = past.last.status is REQUESTED and past.last.begun_at + LIFE > NOW
        assert same or past.seen < catalogue.newest_material(purpose)


@given(past=pasts(), hearing=HEARINGS, purpose=EVERY_PURPOSE)
def test_there_are_words_when_and_only_when_she_is_asked_and_they_are_those_in_force(
    catalogue: Catalogue, past: Past, hearing: Hearing, purpose: PurposeId
) -> None:
    prompt = asked(catalogue, past, hearing, purpose)
    assert prompt.ask is (prompt.words is not None)
    if prompt.words is not None:
        here = (purpose, catalogue.notice_in_force(purpose), hearing.language)
        assert prompt.words == catalogue.notices[here]
    asking = {Reason.NEVER_ASKED, Reason.BEING_ASKED, Reason.ASKED_LONG_AGO}
    asking |= {Reason.NEW_SCOPE, Reason.ENDS_SOON, Reason.ENDED}
    assert prompt.ask is (prompt.reason in asking)


def stricter(limits: Restrictions) -> Iterable[Restrictions]:
    """Return what she may forbid besides."""
    for name in FLAGS:
        yield structs.replace(limits, **{name: False})
    yield structs.replace(limits, paused_until=NOW + DAY)
    yield structs.replace(limits, age_band=AgeBand.UNKNOWN)
    yield structs.replace(limits, age_band=AgeBand.MINOR)


@given(past=pasts(), given_=limits(), purpose=EVERY_PURPOSE)
def test_forbidding_more_never_makes_her_asked(
    catalogue: Catalogue, past: Past, given_: Restrictions, purpose: PurposeId
) -> None:
    if not asked(catalogue, past, structs.replace(HEARING, limits=[given_]), purpose).ask:
        for more in [[], *([each] for each in stricter(given_)), *([OPEN, each] for each in stricter(given_))]:
            assert not asked(catalogue, past, structs.replace(HEARING, limits=more), purpose).ask


@given(limits_=limits())
def test_nobody_is_asked_while_she_pauses_or_restricts(catalogue: Catalogue, limits_: Restrictions) -> None:
    paused = limits_.paused_until is not None and limits_.paused_until > NOW
    if paused or not limits_.may_process:
        hearing = structs.replace(HEARING, limits=[OPEN, limits_])
        assert not any(each.ask for each in prompts(catalogue, hearing, {p: Past() for p in (PICKS, LETTER, PANEL)}))


@given(past=pasts(), status=STATUSES, later=st.timedeltas(LIFE, YEAR - MINUTE), purpose=EVERY_PURPOSE)
def test_once_she_was_shown_the_notice_or_answered_it_nobody_asks_for_a_year(
    catalogue: Catalogue, past: Past, status: Status, later: timedelta, purpose: PurposeId
) -> None:
    in_force = catalogue.notice_in_force(purpose)
    answer = Asking(status, in_force, NOW, NOW)
    stood = past.standing
    if not status.open or stood is None or stood.status.open:
        stood = Standing(purpose, Channel.EMAIL, status, in_force, False, NOW, NOW + 730 * DAY)
    after = Past(answer, max(past.seen, in_force), stood)
    assert not asked(catalogue, after, structs.replace(HEARING, now=NOW + later), purpose).ask


# --- a merged person ---


@given(sides=st.lists(pasts(), min_size=1, max_size=3), purpose=EVERY_PURPOSE)
def test_a_person_of_several_sides_is_asked_no_sooner_than_the_last_of_them(
    catalogue: Catalogue, sides: list[Past], purpose: PurposeId
) -> None:
    person = as_one(sides, NOW)
    stand = [each.status_at(NOW) for each in sides]
    assert person.status_at(NOW).valid is all(each.valid for each in stand)
    assert person.status_at(NOW).no is any(each.no and each is not Status.UNKNOWN for each in stand)
    if asked(catalogue, person, purpose=purpose).ask:
        within = [each.last for each in sides if each.last is not None and each.last.recorded_at + YEAR > NOW]
        newest = max(within, key=lambda each: each.recorded_at, default=None)
        loaded_again = newest is not None and newest.status is REQUESTED and newest.begun_at + LIFE > NOW
        assert not within or loaded_again or person.seen < catalogue.newest_material(purpose)


TOGETHER = [
    # Of two yeses the older notice counts, though she has seen the newer; and the end that comes first.
    ([said(GIVEN, 2, DAY, ends=700 * DAY), said(GIVEN, 1, 2 * DAY, ends=600 * DAY)], Reason.ANSWERED),
    ([said(GIVEN, 2, 700 * DAY, ends=20 * DAY), said(GIVEN, 2, 400 * DAY, ends=300 * DAY)], Reason.ENDS_SOON),
    ([said(GIVEN, 2, DAY, ends=700 * DAY), said(GIVEN, 2, 2 * DAY, ends=600 * DAY)], Reason.ANSWERED),
    # Of two refusals the one that was recorded last: it is that long since she said so.
    ([said(WITHDRAWN, 2, 700 * DAY), said(REFUSED, 2, DAY)], Reason.REFUSED_RECENTLY),
    ([said(REFUSED, 2, DAY), Past()], Reason.REFUSED_RECENTLY),
    ([said(GIVEN, 2, DAY, ends=700 * DAY), Past()], Reason.ASKED_RECENTLY),
    ([said(DEFERRED, 2, DAY), said(REQUESTED, 2, 2 * DAY)], Reason.DEFERRED_RECENTLY),
    ([said(DEFERRED, 1, DAY), said(REQUESTED, 1, 2 * DAY)], Reason.NEW_SCOPE),
    ([Past(), Past()], Reason.NEVER_ASKED),
]


@pytest.mark.parametrize(("sides", "reason"), TOGETHER)
def test_what_two_sides_were_asked_is_one_past(catalogue: Catalogue, sides: list[Past], reason: Reason) -> None:
    for each in (sides, sides[::-1]):
        assert asked(catalogue, as_one(each, NOW)).reason is reason
