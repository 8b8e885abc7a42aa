"""What each row adds to what is there: decided from the ground, without reading or writing anything."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Literal
from uuid import UUID

from msgspec import Struct, structs

from service.crypto.framing import EPOCH
from service.crypto.keyring import OpenKey
from service.crypto.random import random_bytes
from service.model.consent import Spot
from service.model.facts import Restrictions, restrictions_at_enrolment, with_age_band
from service.model.hearsay import Heard, refused_purposes
from service.model.identifiers import Identifier
from service.model.strikes import kept_out
from service.model.suppression import Found, Suppression, Why, bearing, forgotten, refusals
from service.model.words import AgeBand, AttributeId, CustomerId
from service.storage import facts, strikes
from service.usecases.imports.arriving import Arrival, Run
from service.usecases.imports.ground import Ground

FORGOTTEN = "asked to be forgotten"
NOBODY = "without an identifier nobody can be found by this row, and her no could not be kept"
KEYLESS = "this customer's key is gone, as after erasure, or does not open"
NOT_HERS = "this customer said that this {} is not hers; the rest of the row is in"
NOT_KEPT = "this customer took {} out of what is kept of her; the rest of the row is in"
SHUT = "the key that seals what proves her answers does not open, so a yes cannot be kept; the rest of the row is in"
UNPROVEN = "what this customer forbids is gone or does not carry our MAC, so her age band cannot be kept"


Outcome = Literal["created", "updated", "linked", "suppressed", "unchanged", "rejected"]


class Hearing(Struct, frozen=True):
    """What a row adds to what is known of answers."""

    answers: tuple[Heard, ...] = ()
    """Hers."""
    refusals: Mapping[CustomerId, Mapping[Spot, datetime]] = {}
    """What is refused for her, on every side, and since when: she said no before she was anybody here."""
    others: Mapping[CustomerId, tuple[Heard, ...]] = {}
    """Her no, for everybody who is the same person or shares her address."""
    suppressions: tuple[Suppression, ...] = ()

    @property
    def adds(self) -> bool:
        """Whether anything is to be written."""
        return bool(self.answers or self.refusals or self.others or self.suppressions)


NOTHING = Hearing()


class Landing(Struct, frozen=True):
    """As whom a row comes in, and what it adds to what is there."""

    arrival: Arrival
    customer: CustomerId | None
    """None: as nobody."""
    outcome: Outcome
    key: OpenKey | None = None
    """Hers; one who is new has none yet."""
    identifiers: Mapping[Found, Identifier] = {}
    news: tuple[facts.NewFact, ...] = ()
    limits: Restrictions | None = None
    """What holds for her from now on, where the row changes it or she is new."""
    hearing: Hearing = NOTHING
    remembered: bool = True
    """Whether the row is known again from now on; an older one that came late leaves the newer one in its place."""
    linked: Mapping[CustomerId, Restrictions] = {}
    """What holds from now on for whoever is the same person, where the row changes it."""
    shared: int = 0
    refused: str = ""

    @property
    def adds(self) -> bool:
        """Whether anything is to be written."""
        return self.outcome not in ("unchanged", "rejected")


def resolved(ground: Ground, group: list[Arrival]) -> Iterator[tuple[Arrival, CustomerId | None, Outcome]]:
    """Say as whom each row comes in, until one concerns a customer, or one linked to her, whom a row before it does.

    What that earlier row does to her is not in the ground yet: the later one waits for the next transaction.
    """
    here: set[CustomerId] = set()
    for arrival in group:
        customer, outcome = _whom(ground, arrival)
        concerned = ground.concerned(arrival, customer)
        if here & concerned:
            return
        here |= concerned
        yield arrival, customer, outcome


def _whom(ground: Ground, arrival: Arrival) -> tuple[CustomerId | None, Outcome]:
    """Return the customer of a row: by its id, else the one whom its identifiers find, else a new one.

    One whom this system has under another id is somebody else: two people are never merged silently. And nobody
    becomes a customer by saying no.
    """
    if before := ground.known.get(arrival.digest):
        return before.customer, "updated"
    found = ground.found_by(arrival)
    if found is not None and found not in ground.recorded:
        return found, "linked"
    if arrival.draft.only_noes:
        return None, "suppressed"
    return CustomerId(UUID(bytes=random_bytes(16), version=4)), "created"


def landing_of(run: Run, ground: Ground, arrival: Arrival, customer: CustomerId | None, outcome: Outcome) -> Landing:
    """Say what a row adds to what is there."""
    if forgotten(ground.left_alone(arrival.found_by)):
        return Landing(arrival, customer, "rejected", refused=FORGOTTEN)
    if customer is None:
        return _as_nobody(ground, arrival)
    key, before = ground.keys.get(customer), ground.known.get(arrival.digest)
    if key is None and outcome != "created":
        return Landing(arrival, customer, "rejected", refused=KEYLESS)
    if before and before.same(run.means.keyring, run.columns.origin, arrival.draft):
        return Landing(arrival, customer, "unchanged")
    landing = Landing(arrival, customer, outcome, key, hearing=_hearing(run, ground, arrival, customer))
    if before and before.newer_than(arrival.draft):
        # Her answers have dates of their own, and count by these.
        return _kept(ground, structs.replace(landing, outcome=_changed(landing), remembered=False))
    return _kept(ground, _profiled(run, ground, landing))


def _kept(ground: Ground, landing: Landing) -> Landing:
    """Return a landing without a yes of which the proof cannot be sealed, and try the row anew another time."""
    answers, customer = landing.hearing.answers, landing.customer
    shut = customer in ground.proofs and ground.proofs[customer] is None
    if not shut or not any(each.status.valid for each in answers):
        return landing
    hearing = structs.replace(landing.hearing, answers=tuple(each for each in answers if not each.status.valid))
    left = structs.replace(landing, hearing=hearing, remembered=False)
    refused = "; ".join(each for each in (landing.refused, SHUT) if each)
    return structs.replace(left, outcome="rejected" if _changed(left) == "unchanged" else left.outcome, refused=refused)


def _profiled(run: Run, ground: Ground, landing: Landing) -> Landing:
    """Return a landing with what its row adds to her profile."""
    arrival, customer, outcome = landing.arrival, landing.customer, landing.outcome
    assert customer is not None  # noqa: S101  nobody has no profile
    age_band = arrival.draft.age_band
    if outcome != "created" and age_band is not AgeBand.UNKNOWN and customer not in ground.limits:
        return Landing(arrival, customer, "rejected", refused=UNPROVEN)
    held = ground.limits.get(customer)
    limits = restrictions_at_enrolment(age_band) if outcome == "created" else _aged(run, held, age_band)
    linked = _aged_too(ground, customer) if age_band is AgeBand.MINOR else {}
    if linked is None:
        return Landing(arrival, customer, "rejected", refused=UNPROVEN)
    had = ground.hers | ground.disowned
    new = {found: each for found, each in arrival.found_by.items() if (customer, *found) not in had}
    news = _news(run.columns.origin, ground, arrival, customer)
    out = _unwanted(run, ground, arrival, customer, news)
    profiled = structs.replace(
        landing,
        identifiers=new,
        news=tuple(each for index, each in enumerate(news) if index not in out),
        limits=limits,
        linked=linked,
        shared=len(new.keys() & ground.claims.keys()),
        refused=_passed_over(ground, arrival, customer, [news[index].attribute for index in sorted(out)]),
    )
    return structs.replace(profiled, outcome=_changed(profiled)) if arrival.digest in ground.known else profiled


def _passed_over(ground: Ground, arrival: Arrival, customer: CustomerId, unwanted: list[AttributeId]) -> str:
    """Say which identifiers of a row are not hers, as she said, and what else of it she wants kept by nobody."""
    kinds = sorted({kind for kind, digest in arrival.found_by if (customer, kind, digest) in ground.disowned})
    reasons = [NOT_HERS.format(" and ".join(kinds))] if kinds else []
    reasons += [NOT_KEPT.format(" and ".join(unwanted))] if unwanted else []
    return "; ".join(reasons)


def _unwanted(
    run: Run, ground: Ground, arrival: Arrival, customer: CustomerId, news: tuple[facts.NewFact, ...]
) -> Mapping[int, UUID]:
    """Return which facts of a row were struck out before, so that they stay out.

    Without a date a row may say what it always said: it is no newer than what she put in its place.
    """
    blocks = [each for each in ground.blocks if each.customer in ground.person(customer)]
    if not blocks:
        return {}
    fence = partial(strikes.Fence, run.means.keyring, attributes=run.means.policies.catalogue.attributes)
    labels = [each.label for each in news]
    out = kept_out(labels, (), fence(blocks))
    if arrival.draft.as_of is None:
        of_old = [structs.replace(each, as_of=EPOCH) for each in labels]
        out |= kept_out(of_old, (), fence([each for each in blocks if each.one]))
    return out


def _aged_too(ground: Ground, customer: CustomerId) -> dict[CustomerId, Restrictions] | None:
    """Return what holds for whoever is linked to a minor, as far as it changes; None when it is not proven."""
    others = ground.person(customer) - {customer}
    if not others <= ground.limits.keys():
        return None
    told = {each: with_age_band(ground.limits[each], AgeBand.MINOR, may_open=False) for each in others}
    return {each: limits for each, limits in told.items() if limits != ground.limits[each]}


def _changed(landing: Landing) -> Outcome:
    """Return what became of a row that was here before."""
    adds = landing.news or landing.identifiers or landing.limits or landing.linked or landing.hearing.adds
    return "updated" if adds else "unchanged"


def _hearing(run: Run, ground: Ground, arrival: Arrival, customer: CustomerId) -> Hearing:
    """Say what a row adds to what is known of a customer's answers, and of everybody's who shares her address."""
    shown = {(kind, digest) for whose, kind, digest in ground.hers if whose == customer} | arrival.found_by.keys()
    suppressed = bearing(ground.left_alone(shown), shown)
    beside = ground.concerned(arrival, customer) - {customer}
    standing, catalogue = ground.stood.standing, run.means.policies.catalogue
    refused = {each: refusals(suppressed, standing.get(each, {}), catalogue) for each in ground.person(customer)}
    return Hearing(
        answers=ground.stood.news(customer, arrival.draft.answers, beside=beside, suppressed=suppressed),
        refusals={each: spots for each, spots in refused.items() if spots},
        others=_others(ground, arrival, beside),
    )


def _as_nobody(ground: Ground, arrival: Arrival) -> Landing:
    """Say what the no of somebody who is nobody here adds: that whoever has her identifiers is left alone."""
    if not arrival.found_by:
        return Landing(arrival, None, "rejected", refused=NOBODY)
    new = tuple(
        Suppression(kind, digest, Why.OPTED_OUT, purpose, at or ground.now)
        for kind, digest in arrival.found_by
        if (kind, digest) not in ground.claims
        for purpose, at in refused_purposes(arrival.draft.answers).items()
        if not any(
            each.purpose == purpose and (at is None or at <= each.since)
            for each in ground.suppressed.get((kind, digest), ())
        )
    )
    hearing = Hearing(others=_others(ground, arrival, ground.concerned(arrival, None)), suppressions=new)
    return Landing(arrival, None, "suppressed" if hearing.adds else "unchanged", hearing=hearing)


def _others(ground: Ground, arrival: Arrival, beside: set[CustomerId]) -> dict[CustomerId, tuple[Heard, ...]]:
    noes = [each for each in arrival.draft.answers if each.no]
    return {customer: news for customer in sorted(beside) if (news := ground.stood.news(customer, noes))}


def _aged(run: Run, held: Restrictions | None, said: AgeBand) -> Restrictions | None:
    """Return what holds once a row says an age band, None for no change. What is not proven is never rewritten."""
    if held is None:
        return None
    service = run.means.policies.catalogue.services[run.columns.service]
    limits = with_age_band(held, said, may_open=service.may_open)
    return None if limits == held else limits


def _news(source: str, ground: Ground, arrival: Arrival, customer: CustomerId) -> tuple[facts.NewFact, ...]:
    """Return the facts of a row, but for those of which this system said something newer."""
    as_of = min(arrival.draft.as_of or ground.now, ground.now)
    return tuple(
        facts.NewFact(each.attribute, each.provenance, source, as_of, each.value)
        for each in arrival.draft.facts
        if ground.dates.get((customer, each.attribute, each.provenance), as_of) <= as_of
    )
