"""Choices beyond single purposes: what she restricts, objects to, opens and puts off, and what holds after each.

Pure: what holds for a customer is the replay of her choices, whoever recorded them and by which road.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from msgspec import Struct, structs

from service.model.facts import FLAGS, Restrictions, bar_parts, restrictions_at_enrolment, with_age_band
from service.model.quiet_hours import quiet_hours
from service.model.words import Acting, AgeBand, AttributeId, EntryId, Method, Provenance, PurposeId

PAUSED_FOR = timedelta(days=30)
"""How long it is quiet at one press."""
YES, NO, NONE = "yes", "no", "none"
RAISED, LIFTED = "raised", "lifted"


class Kind(StrEnum):
    """What a choice is about. The words are stored for ever."""

    PROCESSING = "processing"
    MARKETING = "marketing"
    PROFILING = "profiling"
    SHARING = "sharing"
    OBSERVED = "observed"
    ACQUIRED = "acquired"
    INFERRED = "inferred"
    DEMOGRAPHIC = "demographic"
    MORE_THAN_TOLD = "more-than-told"
    OBJECTION = "objection"
    PAUSE = "pause"
    QUIET_HOURS = "quiet-hours"
    AGE_BAND = "age-band"
    DO_NOT_USE = "do-not-use"
    DISPUTE = "dispute"
    CORRECTION = "correction"
    DELETION = "deletion"


FLAG: dict[Kind, str] = {
    Kind.PROCESSING: "may_process",
    Kind.MARKETING: "may_market",
    Kind.PROFILING: "may_profile",
    Kind.SHARING: "may_share",
    Kind.OBSERVED: "observed_allowed",
    Kind.ACQUIRED: "acquired_allowed",
    Kind.INFERRED: "inferred_allowed",
    Kind.DEMOGRAPHIC: "demographic_allowed",
    Kind.MORE_THAN_TOLD: "more_than_told",
}
"""The kinds that are a yes or a no, and the field of restrictions that each is kept in."""


class Allowed(Struct, frozen=True):
    """A yes or a no to one way of treating her."""

    kind: Kind
    allowed: bool

    @property
    def value(self) -> str:
        """Its canonical text."""
        return YES if self.allowed else NO


class Objection(Struct, frozen=True):
    """An objection to one purpose of a legitimate interest (GDPR Art. 21(1)), or that she lifts it."""

    purpose: PurposeId
    stands: bool
    kind: Kind = Kind.OBJECTION

    @property
    def value(self) -> str:
        """Its canonical text."""
        return f"{self.purpose} {RAISED if self.stands else LIFTED}"


class Pause(Struct, frozen=True):
    """Peace until an instant; None ends it."""

    until: datetime | None
    kind: Kind = Kind.PAUSE

    @property
    def value(self) -> str:
        """Its canonical text."""
        return NONE if self.until is None else self.until.astimezone(UTC).isoformat()


class Quiet(Struct, frozen=True):
    """Quiet hours, as ``quiet_hours`` reads them; empty ends them."""

    hours: str
    kind: Kind = Kind.QUIET_HOURS

    @property
    def value(self) -> str:
        """Its canonical text."""
        return self.hours or NONE


class Age(Struct, frozen=True):
    """A word on her age that was believed."""

    band: AgeBand
    kind: Kind = Kind.AGE_BAND

    @property
    def value(self) -> str:
        """Its canonical text."""
        return str(self.band)


class Bar(Struct, frozen=True):
    """That an attribute is not to be used for a purpose, or a kind of purposes; or that she lifts it."""

    attribute: AttributeId
    purpose: str
    stands: bool
    kind: Kind = Kind.DO_NOT_USE

    @property
    def what(self) -> str:
        """What is barred from what, as restrictions keep it."""
        return f"{self.attribute} {self.purpose}"

    @property
    def value(self) -> str:
        """Its canonical text."""
        return f"{self.what} {RAISED if self.stands else LIFTED}"


class Strike(Struct, frozen=True):
    """That a fact of one kind was struck out: disputed, corrected or deleted; or that none is any more.

    ``what``: ``attribute#provenance``. Only a dispute is kept in restrictions: the others say what was done.
    """

    kind: Kind
    what: str
    stands: bool

    @property
    def attribute(self) -> AttributeId:
        """Of which attribute."""
        return AttributeId(self.what.partition("#")[0])

    @property
    def provenance(self) -> Provenance:
        """How it was known."""
        return Provenance(self.what.partition("#")[2])

    @property
    def value(self) -> str:
        """Its canonical text."""
        return f"{self.what} {RAISED if self.stands else LIFTED}"


Choice = Allowed | Objection | Pause | Quiet | Age | Bar | Strike
STRIKES = (Kind.DISPUTE, Kind.CORRECTION, Kind.DELETION)
"""What is chosen of single facts, by acts of its own."""
WORD = {Kind.DO_NOT_USE: "barred", Kind.DISPUTE: "disputed"}
"""The field of restrictions that each is kept in, and its word where there is no key to prove a row with."""
RAISED_BY = {"objection": Kind.OBJECTION} | {word: kind for kind, word in WORD.items()}
BARRED = re.compile(r"[a-z0-9_]{1,64} [a-z0-9.-]{1,64}")
STRUCK = re.compile(rf"[a-z0-9_]{{1,64}}#({'|'.join(Provenance)})")


class Chosen(Struct, frozen=True, kw_only=True):
    """One choice, as it reached us: an event, kept for ever.

    ``acting``: who spoke, ``actor``: which one of them, ``recorder``: the caller who told us.
    """

    choice: Choice
    method: Method
    acting: Acting
    actor: str
    recorder: str
    given_at: datetime
    recorded_at: datetime
    entry: EntryId


def at_once(
    choice: Choice, recorder: str, now: datetime, entry: EntryId, *, method: Method, acting: Acting = Acting.HERSELF
) -> Chosen:
    """Return a choice that is recorded as it is made, by nobody in particular."""
    return Chosen(
        choice=choice,
        method=method,
        acting=acting,
        actor="",
        recorder=recorder,
        given_at=now,
        recorded_at=now,
        entry=entry,
    )


def choice_from(kind: str, value: str) -> Choice:
    """Return a choice from its canonical text; raises ValueError for what is none."""
    found = Kind(kind)
    if found in FLAG:
        if value not in (YES, NO):
            raise ValueError("a yes or a no is expected")
        return Allowed(found, value == YES)
    match found:
        case Kind.OBJECTION:
            purpose, _, stands = value.partition(" ")
            if not purpose or stands not in (RAISED, LIFTED):
                raise ValueError("an objection to a purpose is raised or lifted")
            return Objection(PurposeId(purpose), stands == RAISED)
        case Kind.PAUSE:
            return Pause(None if value == NONE else _instant(value))
        case Kind.QUIET_HOURS:
            return Quiet("" if value == NONE else _readable(value))
        case Kind.DO_NOT_USE | Kind.DISPUTE | Kind.CORRECTION | Kind.DELETION:
            return _of_facts(found, value)
        case _:
            return Age(AgeBand(value))


def restrictions_after(limits: Restrictions, choice: Choice) -> Restrictions:
    """Return what holds once this choice is recorded."""
    match choice:
        case Allowed():
            return structs.replace(limits, **{FLAG[choice.kind]: choice.allowed})
        case Objection():
            others = {each for each in limits.objections if each != choice.purpose}
            return structs.replace(
                limits, objections=tuple(sorted(others | ({choice.purpose} if choice.stands else set())))
            )
        case Pause():
            return structs.replace(limits, paused_until=choice.until)
        case Quiet():
            return structs.replace(limits, quiet_hours=choice.hours)
        case Age():
            # Only a word that was believed is recorded, so it was for its recorder to say.
            return with_age_band(limits, choice.band, may_open=True)
        case Bar() | Strike():
            # A correction or a deletion is done, and nothing more holds because of it.
            kept = {name: getattr(limits, name) for kind, name in WORD.items() if kind is choice.kind}
            after = {name: _with(known, choice.what, choice.stands) for name, known in kept.items()}
            return structs.replace(limits, **after)


def _of_facts(kind: Kind, value: str) -> Choice:
    what, _, said = value.rpartition(" ")
    form = BARRED if kind is Kind.DO_NOT_USE else STRUCK
    if not form.fullmatch(what) or said not in (RAISED, LIFTED):
        raise ValueError("what is said of facts is raised or lifted")
    if kind is not Kind.DO_NOT_USE:
        return Strike(kind, what, said == RAISED)
    return Bar(*bar_parts(what), said == RAISED)


def _with(known: Iterable[str], what: str, stands: bool) -> tuple[str, ...]:  # noqa: FBT001  a value, not a switch
    return tuple(sorted({*known, what} if stands else set(known) - {what}))


def replay(choices: Iterable[Choice]) -> Restrictions:
    """Return what holds for a customer after these choices, in the order in which they were recorded."""
    limits = restrictions_at_enrolment(AgeBand.UNKNOWN)
    for choice in choices:
        limits = restrictions_after(limits, choice)
    return limits


# --- what only takes away ------------------------------------------------------------------------------------


def narrows(before: Restrictions, after: Restrictions) -> bool:
    """Whether what holds after opens nothing that was closed before."""
    return (
        all(getattr(before, flag) or not getattr(after, flag) for flag in FLAGS)
        and (after.age_band is before.age_band or after.age_band is AgeBand.MINOR)
        and set(before.objections) <= set(after.objections)
        and (
            before.paused_until is None
            or (after.paused_until is not None and after.paused_until >= before.paused_until)
        )
        and before.quiet_hours in ("", after.quiet_hours)
        and set(before.linked) <= set(after.linked)
        and set(before.disputed) <= set(after.disputed)
        and set(before.barred) <= set(after.barred)
    )


def takes_away(choice: Choice) -> bool:
    """Whether a choice is of the kind that only takes away: what anybody who knows her may record."""
    match choice:
        case Allowed():
            return not choice.allowed
        case Objection() | Bar():
            return choice.stands
        case Pause():
            return choice.until is not None
        case Quiet():
            return bool(choice.hours)
        case Age():
            return choice.band is AgeBand.MINOR
        case Strike():
            return choice.stands and choice.kind is Kind.DISPUTE


def said_no(choice: Choice) -> str:
    """Return a choice that takes away in the word under which it is kept where there is no key to prove a row with."""
    match choice:
        case Allowed():
            return FLAG[choice.kind]
        case Objection():
            return f"objection:{choice.purpose}"
        case Pause():
            return f"paused_until:{choice.value}"
        case Quiet():
            return f"quiet_hours:{choice.hours}"
        case Age():
            return f"age_band:{choice.band}"
        case Bar() | Strike():
            return f"{WORD[choice.kind]}:{choice.what}"


def less(limits: Restrictions, words: Iterable[str]) -> Restrictions | None:
    """Take away from what a row says what was said while no key was there; None when a word cannot be read.

    Whoever writes such a word without us can only take away too: one that would open something changes nothing.
    """
    for word in words:
        try:
            after = restrictions_after(limits, _taken_away(word))
        except ValueError:
            return None
        limits = after if narrows(limits, after) else limits
    return limits


def _taken_away(word: str) -> Choice:
    name, _, value = word.partition(":")
    match name:
        case "objection" | "barred" | "disputed":
            return choice_from(RAISED_BY[name], f"{value} {RAISED}")
        case "paused_until":
            return choice_from(Kind.PAUSE, value)
        case "quiet_hours":
            return choice_from(Kind.QUIET_HOURS, value)
        case "age_band":
            return choice_from(Kind.AGE_BAND, value)
        case _:
            return Allowed(_kind_of(name), allowed=False)


def _kind_of(field: str) -> Kind:
    for kind, name in FLAG.items():
        if name == field:
            return kind
    raise ValueError("no such field")


def _instant(text: str) -> datetime:
    written = datetime.fromisoformat(text)
    if written.tzinfo is None:
        raise ValueError("an instant has a time zone")
    try:
        return written.astimezone(UTC)
    except OverflowError:
        raise ValueError("no clock shows this") from None


def _readable(hours: str) -> str:
    quiet_hours(hours)
    return hours
