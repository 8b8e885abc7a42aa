"""Removing anything never widens what is released (promise P9), for every question there is."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from service.model.catalogue import Catalogue
from service.model.facts import FLAGS, Facts, Restrictions
from service.model.situation import BRIGHTEST, FIELDS, Asked, Situation
from service.model.words import AgeBand, AttributeId, Channel, PurposeId, ServiceId, Status
from service.policy.bundle import Bundle
from service.policy.decide import decide
from service.policy.engine import Policies, compile_policies
from service.policy.question import Question
from tests.examples import some

Change = Callable[..., Bundle]
MOSTLY = st.sampled_from([True, True, True, True, False])
STATUSES = st.sampled_from([Status.GIVEN, Status.RENEWED] * 4 + list(Status))
AGES = st.sampled_from([AgeBand.ADULT] * 4 + list(AgeBand))


def values(name: str) -> st.SearchStrategy[Any]:
    return {"consent": STATUSES, "age_band": AGES}.get(name, MOSTLY)


SITUATIONS = st.builds(Situation, **{name: values(name) for name in FIELDS})
RESTRICTIONS = st.builds(Restrictions, **{name: values(name) for name in ("age_band", *FLAGS)})


def darker(name: str, value: object) -> list[object]:
    """Return what a field may become when something is taken away."""
    if name == "consent":
        return [status for status in Status if not status.valid]
    if name == "age_band":
        return [AgeBand.MINOR, AgeBand.UNKNOWN]
    return [False] if value is True else []


def dimmed(situation: Situation) -> Iterator[tuple[str, Situation]]:
    for name in FIELDS:
        for value in darker(name, getattr(situation, name)):
            yield name, structs.replace(situation, **{name: value})


def widening(policies: Policies, question: Question) -> set[str]:
    """Return the fields that open something when they are taken away."""
    if policies.answer(question).permit:
        return set()
    situations = dimmed(question.situation)
    return {n for n, s in situations if policies.answer(structs.replace(question, situation=s)).permit}


def questions(catalogue: Catalogue) -> list[Question]:
    dark = Situation()
    return [
        Question(
            service=ServiceId(service),
            purpose=PurposeId(purpose),
            attribute=attribute,
            provenance=provenance,
            situation=dark,
        )
        for service in catalogue.services
        for purpose in catalogue.purposes
        for attribute, item in catalogue.attributes.items()
        for provenance in item.provenances
    ]


@some(100)
@given(data=st.data())
def test_a_darker_situation_never_opens_anything(policies: Policies, data: st.DataObject) -> None:
    asked = data.draw(st.sampled_from(questions(policies.catalogue)))
    question = structs.replace(asked, situation=data.draw(SITUATIONS))
    assert widening(policies, question) == set()


def test_the_darkest_situation_opens_nothing_at_all(policies: Policies) -> None:
    assert [q for q in questions(policies.catalogue) if policies.answer(q).permit] == []


def test_only_the_two_valid_answers_ever_permit_what_rests_on_consent(
    policies: Policies, question: Callable[..., Question]
) -> None:
    allowed = {status for status in Status if policies.answer(question(consent=status)).permit}
    assert allowed == {Status.GIVEN, Status.RENEWED}


@pytest.mark.parametrize(
    ("file", "old", "new", "field"),
    [
        (
            "permits.cedar",
            "when { context.granted && context.channel_allowed };",
            "when { !context.explicit || context.granted && context.channel_allowed };",
            "explicit",
        ),
        (
            "forbids.cedar",
            "unless { context.may_market };",
            "unless { context.may_market || !context.explicit };",
            "explicit",
        ),
        (
            "forbids.cedar",
            "unless { context.may_profile };",
            'unless { context.may_profile || context.age_band == AgeBand::"minor" };',
            None,
        ),
    ],
)
def test_a_policy_that_opens_by_taking_away_is_found(
    changed: Change, file: str, old: str, new: str, field: str | None
) -> None:
    bent = compile_policies(changed(file, old, new))
    found: set[str] = set()
    served = (q for q in questions(bent.catalogue) if q.purpose in bent.catalogue.services[q.service].uses)
    served = (q for q in served if q.attribute == "first_name")
    for question in served:
        for name in ("granted", "may_market", "may_profile"):
            situation = structs.replace(BRIGHTEST, **{name: False})
            found |= widening(bent, structs.replace(question, situation=situation))
    # The last one is held by another forbid: no minor is profiled, so nothing opens.
    assert found == (set() if field is None else {field})


# --- over what is stored ---------------------------------------------------------------------------------


def released(policies: Policies, asked: Asked, facts: Facts) -> set[AttributeId]:
    decision = decide(policies, asked, list(policies.catalogue.attributes), facts)
    return {permit.fact.attribute for permit in decision.permits}


def poorer(facts: Facts) -> Iterator[Facts]:
    """Yield the facts with one thing less."""
    yield structs.replace(facts, customer=None)
    yield structs.replace(facts, standing=None)
    yield structs.replace(facts, restrictions=None)
    for attribute in facts.facts:
        yield structs.replace(facts, facts={a: f for a, f in facts.facts.items() if a != attribute})
        yield structs.replace(facts, facts={**facts.facts, attribute: facts.facts[attribute][1:]})
    if facts.standing is not None:
        for status in (status for status in Status if not status.valid):
            yield structs.replace(facts, standing=structs.replace(facts.standing, status=status))
        yield structs.replace(facts, standing=structs.replace(facts.standing, explicit=False))
        yield structs.replace(facts, standing=structs.replace(facts.standing, notice=1))
    if facts.restrictions is not None:
        for name in ("age_band", *FLAGS):
            for value in darker(name, getattr(facts.restrictions, name)):
                less = structs.replace(facts.restrictions, **{name: value})
                yield structs.replace(facts, restrictions=less)


@st.composite
def requests(draw: st.DrawFn, catalogue: Catalogue) -> Asked:
    service = draw(st.sampled_from(sorted(catalogue.services)))
    uses = catalogue.services[service].uses
    purpose = draw(st.sampled_from(sorted(uses)))
    channel = draw(st.sampled_from([*uses[purpose].channels, Channel.SMS]))
    return Asked(service, PurposeId(purpose), channel)


@some(10)
@given(data=st.data())
def test_removing_what_is_stored_never_widens_what_is_released(
    policies: Policies, ana: Facts, data: st.DataObject
) -> None:
    asked = data.draw(requests(policies.catalogue))
    assert ana.standing is not None
    standing = structs.replace(
        ana.standing,
        purpose=asked.purpose,
        channel=asked.channel,
        status=data.draw(STATUSES),
        notice=data.draw(st.integers(1, 2)),
        explicit=data.draw(st.booleans()),
    )
    kept = data.draw(st.sets(st.sampled_from(sorted(ana.facts))))
    facts = structs.replace(
        ana,
        standing=standing,
        restrictions=data.draw(RESTRICTIONS),
        facts={attribute: ana.facts[attribute] for attribute in sorted(kept)},
    )
    before = released(policies, asked, facts)
    for less in poorer(facts):
        assert released(policies, asked, less) <= before


SHOPS_ORDERS = """\
[service.uses."fulfil.orders"]
channels = ["internal", "email"]
attributes = ["first_name", "last_name", "postal_address", "contact_email"]
"""
GRANTS = [
    (SHOPS_ORDERS, ""),
    ('"favourite_genres", "browsed_genres", "last_destination", "guessed', '"guessed'),
    ('channels = ["web", "app", "email"]', 'channels = ["email"]'),
    ('channels = ["internal", "post"]', "channels = []"),
]


@pytest.mark.parametrize(("old", "new"), GRANTS)
def test_removing_a_right_never_widens_what_is_released(
    policies: Policies, changed: Change, ana: Facts, old: str, new: str
) -> None:
    fewer = compile_policies(changed("services.toml", old, new))
    lost = 0
    for service in policies.catalogue.services.values():
        for purpose, channel in product(service.uses, Channel):
            asked = Asked(ServiceId(service.id), PurposeId(purpose), channel)
            before, after = released(policies, asked, ana), released(fewer, asked, ana)
            assert after <= before
            lost += len(before - after)
    assert lost > 0
