"""How consent and choices combine, over the real policies; the page in ``docs/`` shows this very table."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from msgspec import Struct, structs

from service.model.choices import STRIKES, Age, Allowed, Bar, Choice, Kind, Objection, Pause, Quiet, replay
from service.model.facts import Facts, Sealed, SealedFact, Standing
from service.model.situation import Asked
from service.model.words import AgeBand, AttributeId, Channel, CustomerId, Provenance, PurposeId, ServiceId, Status
from service.policy.decide import decide
from service.policy.engine import Policies

PAGE = Path(__file__).parents[2] / "docs/how-choices-combine.md"
NOW = datetime(2026, 5, 1, 23, 30, tzinfo=UTC)
SEEN = AttributeId("browsed_genres")
HEAD, TAIL = "<!-- table -->\n", "<!-- end of table -->\n"


class Column(Struct, frozen=True):
    """One kind of use, by an example of the sample company."""

    title: str
    service: str
    purpose: str
    channel: Channel
    attribute: str
    provenance: Provenance = Provenance.VOLUNTEERED


class Row(Struct, frozen=True):
    """What she said, after a yes to everything that rests on consent."""

    says: str
    choices: tuple[Choice, ...] = ()
    status: Status = Status.GIVEN
    old_notice: bool = False
    gpc: bool = False
    expired: bool = False
    adult: bool = True


COLUMNS = (
    Column("picks on a page", "recommender", "personalise.recommendations", Channel.WEB, "first_name"),
    Column(
        "... from what we saw",
        "recommender",
        "personalise.recommendations",
        Channel.WEB,
        "browsed_genres",
        Provenance.OBSERVED,
    ),
    Column(
        "... from guesses",
        "recommender",
        "personalise.recommendations",
        Channel.WEB,
        "guessed_genres",
        Provenance.INFERRED,
    ),
    Column("newsletter, by an outside company", "newsletter", "market.newsletter", Channel.EMAIL, "first_name"),
    Column("offers by phone", "call-centre", "market.phone-offers", Channel.PHONE, "first_name"),
    Column("survey", "call-centre", "research.panel", Channel.PHONE, "first_name"),
    Column("parcel", "fulfilment", "fulfil.orders", Channel.POST, "first_name"),
    Column("invoice", "finance", "comply.tax", Channel.INTERNAL, "first_name"),
    Column("fraud screening", "finance", "prevent.fraud", Channel.INTERNAL, "last_name"),
    Column("danger on a trip", "call-centre", "protect.travellers", Channel.PHONE, "first_name"),
)
ROWS = (
    Row("yes to all that rests on consent, and nothing else"),
    Row("nothing at all", status=Status.UNKNOWN, adult=False),
    Row("an adult, never asked", status=Status.UNKNOWN),
    Row("no, thank you", status=Status.REFUSED),
    Row("yes, and then no", status=Status.WITHDRAWN),
    Row("yes, longer ago than it lasts", expired=True),
    Row("yes to a notice that asked for less", old_notice=True),
    Row("objects to marketing", (Allowed(Kind.MARKETING, allowed=False),)),
    Row("objects to being profiled", (Allowed(Kind.PROFILING, allowed=False),)),
    Row("objects to fraud screening", (Objection(PurposeId("prevent.fraud"), stands=True),)),
    Row("restricts processing", (Allowed(Kind.PROCESSING, allowed=False),)),
    Row("wants nothing shared (or her browser sent Sec-GPC before)", (Allowed(Kind.SHARING, allowed=False),)),
    Row("her browser sends GPC now", gpc=True),
    Row("paused", (Pause(NOW + timedelta(days=1)),)),
    Row("paused until a minute ago", (Pause(NOW - timedelta(minutes=1)),)),
    Row("in her quiet hours", (Quiet("22:00-07:00 Europe/Berlin"),)),
    Row("outside her quiet hours", (Quiet("09:00-10:00 Europe/Berlin"),)),
    Row("of unknown age", adult=False),
    Row("a minor", (Age(AgeBand.MINOR),)),
    Row("only what she told us", (Allowed(Kind.MORE_THAN_TOLD, allowed=False),)),
    Row("allows guesses", (Allowed(Kind.INFERRED, allowed=True),)),
    Row(
        "allows guesses, and then only what she told us",
        (Allowed(Kind.INFERRED, allowed=True), Allowed(Kind.MORE_THAN_TOLD, allowed=False)),
    ),
    Row("wants what we saw her look at not used for picks", (Bar(SEEN, "personalisation", stands=True),)),
    Row("wants her first name not used for marketing", (Bar(AttributeId("first_name"), "marketing", stands=True),)),
    Row(
        "paused, and objects to fraud screening",
        (Pause(NOW + timedelta(days=1)), Objection(PurposeId("prevent.fraud"), stands=True)),
    ),
    Row(
        "everything off at once",
        (
            *(Allowed(kind, allowed=False) for kind in (Kind.MARKETING, Kind.PROFILING, Kind.SHARING, Kind.OBSERVED)),
            Objection(PurposeId("prevent.fraud"), stands=True),
            Pause(NOW + timedelta(days=1)),
            Quiet("22:00-07:00 Europe/Berlin"),
        ),
        status=Status.WITHDRAWN,
    ),
)
YES = "yes"


def cell(policies: Policies, row: Row, column: Column) -> str:
    """Return ``yes`` or the reason for the no."""
    asked = Asked(ServiceId(column.service), PurposeId(column.purpose), column.channel, row.gpc)
    grown_up: tuple[Choice, ...] = (Age(AgeBand.ADULT),) if row.adult else ()
    fact = SealedFact(AttributeId(column.attribute), column.provenance, "shop", NOW, 1, "key", Sealed(b""))
    facts = Facts(
        customer=CustomerId(UUID(int=1)),
        version=1,
        now=NOW,
        standing=_standing(policies, row, asked),
        restrictions=replay([*grown_up, *row.choices]),
        facts={fact.attribute: (fact,)},
    )
    decision = decide(policies, asked, [fact.attribute], facts)
    return decision.withheld[0].reason if decision.withheld else YES


def _standing(policies: Policies, row: Row, asked: Asked) -> Standing | None:
    if row.status is Status.UNKNOWN:
        return None
    in_force = policies.catalogue.notice_in_force(asked.purpose)
    ends = NOW - timedelta(days=1) if row.expired else NOW + timedelta(days=1)
    notice = 0 if row.old_notice else in_force
    return Standing(asked.purpose, asked.channel, row.status, notice, False, NOW - timedelta(days=9), ends)


def table(policies: Policies) -> str:
    """Return the table as the page has it."""
    lines = [
        "| She | " + " | ".join(column.title for column in COLUMNS) + " |",
        "|---|" + "---|" * len(COLUMNS),
        *(
            f"| {row.says} | " + " | ".join(_shown(cell(policies, row, column)) for column in COLUMNS) + " |"
            for row in ROWS
        ),
    ]
    return "\n".join(lines) + "\n"


def _shown(answer: str) -> str:
    return answer if answer == YES else f"`{answer}`"


def test_the_page_shows_how_the_policies_answer(policies: Policies) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text[text.index(HEAD) + len(HEAD) : text.index(TAIL)] == table(policies), table(policies)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.says)
def test_nothing_stops_an_invoice_and_only_a_restriction_stops_a_parcel(policies: Policies, row: Row) -> None:
    invoice, parcel = (next(c for c in COLUMNS if c.title == title) for title in ("invoice", "parcel"))
    assert cell(policies, row, invoice) == YES
    restricts = Allowed(Kind.PROCESSING, allowed=False) in row.choices
    assert cell(policies, row, parcel) == ("restricted" if restricts else YES)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.says)
@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.title)
def test_no_combination_allows_what_one_of_its_parts_refuses(policies: Policies, row: Row, column: Column) -> None:
    for part in row.choices:
        # A part that opens something is no reason to refuse; all others each count alone.
        alone = structs.replace(row, choices=(part,))
        if cell(policies, row, column) == YES and part != Allowed(Kind.INFERRED, allowed=True):
            assert cell(policies, alone, column) in {YES, "only-what-i-told-you"}


def test_every_kind_of_choice_is_a_row() -> None:
    shown = {choice.kind for row in ROWS for choice in row.choices}
    # These two are like guesses: each is about one road by which a fact comes, and has its forbid. And facts that were
    # struck out are not there.
    assert set(Kind) - shown == {Kind.ACQUIRED, Kind.DEMOGRAPHIC, *STRIKES}
