"""What no change of the policies may break: for every service, purpose, attribute and situation there is.

An invariant names a loss, such as a restriction or an objection, and what must be refused because of it, or must go on
although. It is asked only of the brightest situation with that loss. That is enough: ``widening`` shows that whatever
is taken away besides opens nothing, so what is refused there is refused in every situation with that loss.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

from msgspec import Struct, structs

from service.model.catalogue import Attribute, Catalogue, Purpose, Service
from service.model.situation import BRIGHTEST, darker
from service.model.words import AgeBand, Basis, Provenance, Status
from service.policy.canaries import but
from service.policy.code import Code
from service.policy.faults import fault
from service.policy.question import Question
from service.policy.widening import conceivable, widening

Loss: TypeAlias = Mapping[str, bool | Status | AgeBand]


class Case(Struct, frozen=True):
    """What a question is about, as the catalogue has it."""

    service: Service
    purpose: Purpose
    attribute: Attribute
    provenance: Provenance

    def does(self, *kinds: str) -> bool:
        """Whether the purpose is of one of these kinds."""
        return not set(kinds).isdisjoint(self.purpose.kinds)

    def rests_on(self, *bases: Basis) -> bool:
        """Whether the purpose rests on one of these legal bases."""
        return self.purpose.basis in bases

    def tailors_from(self, provenance: Provenance) -> bool:
        """Whether facts of this provenance are used to tailor something to her."""
        return self.provenance is provenance and self.does("personalisation")


class Invariant(Struct, frozen=True):
    """What must hold once something is lost: a refusal, or that all goes on as before."""

    id: str
    says: str
    losses: tuple[Loss, ...]
    about: Callable[[Case], bool]
    goes_on: bool = False


# One answer that is no yes stands for all of them: `widening` lets no policy tell them apart.
NO_YES: tuple[Loss, ...] = ({"consent": Status.UNKNOWN},)
NOT_ADULT = tuple({"age_band": band} for band in darker(AgeBand.ADULT))
OBJECTED: Loss = {
    "consent": Status.WITHDRAWN,
    "notice_current": False,
    "may_market": False,
    "may_profile": False,
    "may_share": False,
    "age_band": AgeBand.MINOR,
    "explicit": False,
    "observed_allowed": False,
    "acquired_allowed": False,
    "inferred_allowed": False,
    "demographic_allowed": False,
    "unopposed": False,
    "not_paused": False,
    "awake": False,
}
IN_PEACE: Loss = {"not_paused": False, "awake": False}
INVARIANTS = (
    Invariant(
        "granted",
        "nothing leaves without a right of the service, or on a channel that the purpose is not offered on",
        ({"granted": False}, {"channel_allowed": False}),
        lambda _: True,
    ),
    Invariant(
        "verified",
        "nothing leaves without proof of what she has restricted",
        ({"verified": False},),
        lambda _: True,
    ),
    Invariant(
        "restricted",
        "while processing is restricted, only what the law demands is done",
        ({"may_process": False},),
        lambda case: not case.rests_on(Basis.LEGAL_OBLIGATION),
    ),
    Invariant(
        "consent",
        "what rests on consent, personalises or markets needs a valid yes",
        NO_YES,
        lambda case: case.rests_on(Basis.CONSENT) or case.does("personalisation", "profiling", "marketing"),
    ),
    Invariant(
        "notice",
        "a yes to a notice that asked for less covers nothing more",
        ({"notice_current": False},),
        lambda case: case.rests_on(Basis.CONSENT),
    ),
    Invariant(
        "marketing",
        "an objection to marketing is absolute",
        ({"may_market": False},),
        lambda case: case.does("marketing"),
    ),
    Invariant(
        "objected",
        "what rests on our interest stops when she objects to it",
        ({"unopposed": False},),
        lambda case: case.rests_on(Basis.LEGITIMATE_INTEREST),
    ),
    Invariant(
        "paused",
        "who asked for peace has it from all that rests on consent, tailors, markets, profiles or asks",
        ({"not_paused": False},),
        lambda case: case.rests_on(Basis.CONSENT) or case.does("personalisation", "profiling", "marketing", "research"),
    ),
    Invariant(
        "quiet",
        "in her quiet hours nobody reaches out to sell or to ask",
        ({"awake": False},),
        lambda case: case.does("marketing", "research"),
    ),
    Invariant(
        "profiling",
        "who objects to being profiled is not profiled",
        ({"may_profile": False},),
        lambda case: case.does("profiling"),
    ),
    Invariant(
        "minors",
        "who is not known to be an adult is neither profiled nor marketed to",
        NOT_ADULT,
        lambda case: case.does("profiling", "marketing"),
    ),
    Invariant(
        "special",
        "special categories need explicit consent",
        ({"explicit": False}, *NO_YES),
        lambda case: case.attribute.special,
    ),
    Invariant(
        "sharing",
        "under Global Privacy Control nothing is sold or shared",
        ({"may_share": False},),
        lambda case: case.service.third_party and case.rests_on(Basis.CONSENT, Basis.LEGITIMATE_INTEREST),
    ),
    Invariant(
        "only-volunteered-observed",
        "who wants only what she told us used is not tailored to by what we saw",
        ({"observed_allowed": False},),
        lambda case: case.tailors_from(Provenance.OBSERVED),
    ),
    Invariant(
        "only-volunteered-acquired",
        "who wants only what she told us used is not tailored to by what others sold us",
        ({"acquired_allowed": False},),
        lambda case: case.tailors_from(Provenance.ACQUIRED),
    ),
    Invariant(
        "only-volunteered-inferred",
        "who wants only what she told us used is not tailored to by what we guessed",
        ({"inferred_allowed": False},),
        lambda case: case.tailors_from(Provenance.INFERRED),
    ),
    Invariant(
        "demographic",
        "what her group is like does not tailor anything unless she says so",
        ({"demographic_allowed": False},),
        lambda case: case.attribute.demographic and case.does("personalisation"),
    ),
    Invariant(
        "fresh",
        "what is out of date is used only where the law demands it",
        ({"fresh": False},),
        lambda case: not case.rests_on(Basis.LEGAL_OBLIGATION),
    ),
    Invariant(
        "barred",
        "what she keeps out of a purpose is used for it only where the law demands it",
        ({"unbarred": False},),
        lambda case: not case.rests_on(Basis.LEGAL_OBLIGATION),
    ),
    Invariant(
        "disputed",
        "what was not her is never used",
        ({"undisputed": False},),
        lambda _: True,
    ),
    Invariant(
        "law-goes-on",
        "no objection, restriction, pause or withdrawal stops what the law demands, such as an invoice",
        ({**OBJECTED, "may_process": False, "fresh": False, "unbarred": False},),
        lambda case: case.rests_on(Basis.LEGAL_OBLIGATION),
        goes_on=True,
    ),
    Invariant(
        "contract-goes-on",
        "no objection, pause or withdrawal stops what she ordered",
        (OBJECTED,),
        lambda case: case.rests_on(Basis.CONTRACT),
        goes_on=True,
    ),
    Invariant(
        "service-goes-on",
        "peace stops nothing that serves or protects her",
        (IN_PEACE,),
        lambda case: (
            not case.rests_on(Basis.CONSENT) and not case.does("personalisation", "profiling", "marketing", "research")
        ),
        goes_on=True,
    ),
)


def case(catalogue: Catalogue, question: Question) -> Case:
    """Return what a question is about."""
    return Case(
        service=catalogue.services[question.service],
        purpose=catalogue.purposes[question.purpose],
        attribute=catalogue.attributes[question.attribute],
        provenance=question.provenance,
    )


def broken_invariants(code: Code) -> list[str]:
    """Return each invariant that does not hold, with a case in which it does not."""
    faults = widening(code) + list(_kinds_of_no_policy(code))
    # What is refused in the brightest situation is refused in every one.
    allowed = [question for question in conceivable(code) if code.allows(question)]
    for invariant in INVARIANTS:
        about = [question for question in allowed if invariant.about(case(code.catalogue, question))]
        offences = list(_offences(code, invariant, about))
        if offences:
            others = f" (and {len(offences) - 1} more)" if len(offences) > 1 else ""
            faults.append(fault("invariants", invariant.id, f"{invariant.says}; but {offences[0]}{others}"))
    return faults


def _offences(code: Code, invariant: Invariant, about: Iterable[Question]) -> Iterator[str]:
    for question in about:
        for loss in invariant.losses:
            situation = structs.replace(BRIGHTEST, **loss)
            if code.allows(structs.replace(question, situation=situation)) is not invariant.goes_on:
                does = "is refused" if invariant.goes_on else "is permitted"
                yield f"{question} {does} in the situation {but(situation)}"


def _kinds_of_no_policy(code: Code) -> Iterator[str]:
    """A misspelt kind would take a purpose out of reach of every policy about that kind."""
    named = {id_ for policy in code.policies.values() for kind, id_ in policy.names if kind == "Action"}
    for purpose in code.catalogue.purposes.values():
        yield from (
            fault("purposes.toml", purpose.id, f"no policy names its kind {k}") for k in purpose.kinds if k not in named
        )
