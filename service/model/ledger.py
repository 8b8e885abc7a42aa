"""What the ledger says: one body per kind of act, with ids and words only, never a value.

Bodies are canonical JSON (RFC 8785): structs of ASCII names, strings, integers and lists, keys sorted.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from service.model.callers import Speaker, actor
from service.model.choices import Chosen as Choice
from service.model.consent import Answer
from service.model.words import Channel, CustomerId, EntryId, Method, PolicyVersion, PurposeId, Status

UseKind = Literal["release", "check", "aborted", "look-up"]
"""The acts by which somebody used a customer's data, or looked at it: these she sees by hour."""


class Act(Struct, frozen=True, omit_defaults=True, tag_field="kind"):
    """What happened. Each kind of act is a subclass; its tag is stored and never changes."""


class Released(Act, frozen=True, omit_defaults=True, tag="release"):
    """Data was asked for and handed over, in part or not at all."""

    decision: str
    purpose: str
    channel: str
    outcome: str
    released: list[str]
    withheld: dict[str, str]
    policy_version: str
    version: int


class Checked(Released, frozen=True, omit_defaults=True, tag="check"):
    """The same question, with no data handed over."""


class Aborted(Act, frozen=True, omit_defaults=True, tag="aborted"):
    """A release was entered and then no data left."""

    entry: str
    reason: str


class Answered(Act, frozen=True, omit_defaults=True, tag="consent"):
    """A customer's answer was recorded."""

    purpose: str
    channels: list[str]
    answer: str
    notice: int
    explicit: bool
    method: str
    given_at: str
    reason: str = ""
    """Why, where an operator acted."""
    renewed: int = 0
    """How many more were left alone already, and were listed again."""


class AnsweredWidely(Act, frozen=True, omit_defaults=True, tag="consent-wide"):
    """A customer's answer to several purposes at once was recorded; each spot is ``purpose/channel``."""

    reach: str
    spots: list[str]
    answer: str
    method: str
    given_at: str
    reason: str = ""


class Expired(Act, frozen=True, omit_defaults=True, tag="expiry"):
    """Consents had run their time; each spot is ``purpose/channel``."""

    spots: list[str]


class RenewalAnnounced(Act, frozen=True, omit_defaults=True, tag="renewal-due"):
    """Services were told that a consent ends soon."""

    purpose: str
    channel: str
    expires_at: str


class Served(Act, frozen=True, omit_defaults=True, tag="served"):
    """A notice was shown, on this channel, in this language and arrangement of the page; ``digest``: of its text."""

    purpose: str
    channel: str
    notice: int
    language: str
    layout: str
    digest: str


class Chosen(Act, frozen=True, omit_defaults=True, tag="choice"):
    """A customer chose something beyond single purposes. Of quiet hours only whether there are any."""

    choice: str
    value: str
    method: str
    given_at: str

    def __repr__(self) -> str:  # what she chose is hers
        return f"Chosen({self.choice!r})"


class Preferred(Act, frozen=True, omit_defaults=True, tag="preferences"):
    """She changed what she likes: which attributes, and whether her quiet hours are others now."""

    facts: list[str]
    quiet_hours: bool = False


class Struck(Act, frozen=True, omit_defaults=True, tag="strike"):
    """She struck facts out: how many she named, in which respects, and how many were built on these; of which kinds.

    ``manner``: dispute, correction or deletion.
    """

    manner: str
    named: int
    built_on: int
    facts: list[str]
    respects: list[str] = []


class Restored(Act, frozen=True, omit_defaults=True, tag="restore"):
    """She took it back: so many facts are where they were, of these kinds. ``strike``: the entry by which they went."""

    strike: str
    restored: int
    facts: list[str]


class Explained(Act, frozen=True, omit_defaults=True, tag="strike-answer"):
    """She said why something was not her."""

    strike: str

    def __repr__(self) -> str:
        return "Explained()"


class Enrolled(Act, frozen=True, omit_defaults=True, tag="enrol"):
    """A customer was enrolled, or recognised by her identifiers; ``restrictions`` names those that changed.

    ``refused``: what is refused for her, each ``purpose/channel``, because she said no before she was anybody here.
    """

    identifiers: list[str]
    new: bool
    restrictions: list[str] = []
    refused: list[str] = []
    verified: list[str] = []


class Contributed(Act, frozen=True, omit_defaults=True, tag="contribute"):
    """Facts were contributed."""

    facts: list[str]


class Imported(Act, frozen=True, omit_defaults=True, tag="import"):
    """A customer came in, or was brought up to date, from a file; ``restrictions`` names those that changed.

    ``answers``: what she answered elsewhere, each ``purpose/channel=status``. ``refused``: as at an enrolment.
    """

    identifiers: list[str]
    facts: list[str]
    new: bool
    restrictions: list[str] = []
    answers: list[str] = []
    refused: list[str] = []


class Suppressed(Act, frozen=True, omit_defaults=True, tag="suppression"):
    """So many identifiers of a kind are to be left alone, for these purposes; none: for everything."""

    identifier: str
    purposes: list[str]
    count: int
    why: str
    reason: str = ""
    """Why, where an operator acted."""
    renewed: int = 0
    """How many more were left alone already, and were listed again."""


class SuppressedHer(Act, frozen=True, omit_defaults=True, tag="suppressed-her"):
    """An identifier of a customer is to be left alone; ``refused`` names what she had not refused herself."""

    refused: list[str]
    reason: str


class Outlived(Act, frozen=True, omit_defaults=True, tag="retention"):
    """Facts had run their time and were deleted."""

    facts: list[str]


class LookedUp(Act, frozen=True, omit_defaults=True, tag="look-up"):
    """A member of staff looked at one person, or acted for her."""

    what: str
    reason: str


class AskedAbout(Act, frozen=True, omit_defaults=True, tag="question"):
    """She asked about a use of her data; ``about``: whose. What she asks is kept apart, sealed."""

    question: str
    about: str


class AnsweredHer(Act, frozen=True, omit_defaults=True, tag="question-answered"):
    """An operator answered a question of hers."""

    question: str


class Merged(Act, frozen=True, omit_defaults=True, tag="merge"):
    """Two customers were found to be one person, and linked; of the other only the link is said."""

    link: str
    reason: str


class Unmerged(Merged, frozen=True, omit_defaults=True, tag="unmerge"):
    """A link was ended: they are two people again. ``ended``: every link that went with it."""

    ended: list[str] = []


class Disowned(Act, frozen=True, omit_defaults=True, tag="disown"):
    """She said that an identifier is not hers."""

    identifier: str


class SignedIn(Act, frozen=True, omit_defaults=True, tag="sign-in"):
    """She signed in to the portal, by this way; ``again``: she proved afresh who she is, being in already."""

    way: str
    again: bool = False


class SignedOut(Act, frozen=True, omit_defaults=True, tag="sign-out"):
    """She ended so many of her sessions; ``own``: the one that she spoke from."""

    sessions: int
    own: bool


class PasskeyChanged(Act, frozen=True, omit_defaults=True, tag="passkey"):
    """One of her passkeys was added or removed."""

    change: Literal["added", "removed"]


class Identified(Act, frozen=True, omit_defaults=True, tag="identify"):
    """She showed that an identifier of this kind is hers; ``refused``: as at an enrolment."""

    identifier: str
    refused: list[str] = []


class Published(Act, frozen=True, omit_defaults=True, tag="publish"):
    """Policies and catalogue were published."""

    policy_version: str


class KeysMade(Act, frozen=True, omit_defaults=True, tag="keys"):
    """Keys were made."""

    keys: list[str]


class CredentialChanged(Act, frozen=True, omit_defaults=True, tag="credential"):
    """A service's API key was made or revoked."""

    service: str
    key: str
    change: Literal["made", "revoked"]


class Erased(Act, frozen=True, omit_defaults=True, tag="erasure"):
    """So many bodies of one customer went; ``positions``: SHA-256, hex, over their positions, ascending, 8 bytes each.

    It names nobody. Who counts the gaps finds that they are these and no others.
    """

    bodies: int
    positions: str


class Exported(Act, frozen=True, omit_defaults=True, tag="export"):
    """The ledger was exported with what its entries say, up to this size."""

    size: int
    reason: str


class Resumed(Act, frozen=True, omit_defaults=True, tag="resume"):
    """A restored backup held less than was signed before; the log goes on under another name from here.

    ``origin``, ``size``, ``root`` (hex): of the log that ended, as far as it was seen.
    """

    origin: str
    size: int
    root: str


class Recorded(Struct, frozen=True, omit_defaults=True):
    """An answer of hers that an act recorded: all that what stands follows from."""

    purpose: PurposeId
    channel: Channel
    status: Status
    notice: int
    explicit: bool
    given_at: datetime
    expires_at: datetime | None = None
    link: UUID | None = None

    def answer(self, recorded_at: datetime, id_: EntryId) -> Answer:
        """Return it as an event, for a replay; who told us, how and by which policies does not bear on that."""
        return Answer(
            purpose=self.purpose,
            channel=self.channel,
            status=self.status,
            notice=self.notice,
            explicit=self.explicit,
            method=Method.SYSTEM,
            actor="",
            given_at=self.given_at,
            recorded_at=recorded_at,
            recorder="",
            policy_version=PolicyVersion(""),
            entry=id_,
            expires_at=self.expires_at,
            link=self.link,
        )


class Chose(Struct, frozen=True):
    """A choice of hers that an act recorded, as the history of choices writes it."""

    choice: str
    value: str

    def __repr__(self) -> str:  # what she chose is hers
        return f"Chose({self.choice!r})"


class Facets(Struct, frozen=True):
    """What is counted of a use of her data before anybody opens its body."""

    purpose: str = ""
    channel: str = ""
    outcome: str = ""
    released: list[str] = []
    refused: list[str] = []


class Body(Struct, frozen=True, omit_defaults=True):
    """All that an entry says, and what it is committed to. ``customer``: a mark that only her seed explains."""

    act: msgspec.Raw
    actor: str
    at: datetime
    customer: str | None
    id: EntryId
    recorded: list[Recorded] = []
    chosen: list[Chose] = []


class Kind(Struct, frozen=True):
    """What every act says of itself."""

    kind: str


class Entry(Struct, frozen=True):
    """A line of the ledger. ``recorded`` and ``chosen``: the events of hers that came with it."""

    id: EntryId
    customer: CustomerId | None
    actor: str
    at: datetime
    act: Act
    recorded: tuple[Recorded, ...] = ()
    chosen: tuple[Chose, ...] = ()

    @property
    def kind(self) -> str:
        """The tag of its act."""
        return str(type(self.act).__struct_config__.tag)

    @property
    def facets(self) -> Facets:
        """What is counted of it."""
        act = self.act
        if not isinstance(act, Released):
            return Facets()
        return Facets(act.purpose, act.channel, act.outcome, sorted(act.released), sorted(act.withheld))

    def body(self, mark: str | None) -> bytes:
        """Return the canonical form of all it says, with her mark in the place of the customer."""
        act = msgspec.Raw(msgspec.json.encode(self.act, order="sorted"))
        body = Body(act, self.actor, self.at, mark, self.id, list(self.recorded), list(self.chosen))
        return msgspec.json.encode(body, order="sorted")


def entry(
    id_: EntryId,
    customer: CustomerId | None,
    caller: Speaker,
    at: datetime,
    act: Act,
    events: Iterable[Answer | Choice] = (),
) -> Entry:
    """Say that a caller did something, perhaps about a customer; ``events``: what of hers it recorded, in order."""
    said = list(events)
    return Entry(
        id=id_,
        customer=customer,
        actor=actor(caller),
        at=at,
        act=act,
        recorded=tuple(_recorded(each) for each in said if isinstance(each, Answer)),
        chosen=tuple(Chose(each.choice.kind, each.choice.value) for each in said if isinstance(each, Choice)),
    )


def _recorded(answer: Answer) -> Recorded:
    return Recorded(
        purpose=answer.purpose,
        channel=answer.channel,
        status=answer.status,
        notice=answer.notice,
        explicit=answer.explicit,
        given_at=answer.given_at,
        expires_at=answer.expires_at,
        link=answer.link,
    )
