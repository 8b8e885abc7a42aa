"""Laws of choices over the real policies: what takes away widens nothing, and an objection stops no invoice."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from service.model.choices import (
    FLAG,
    Age,
    Allowed,
    Choice,
    Objection,
    Pause,
    Quiet,
    narrows,
    replay,
    restrictions_after,
    takes_away,
)
from service.model.facts import Facts, Restrictions
from service.model.situation import Asked, everybody
from service.model.words import AgeBand, AttributeId, Basis, Channel, PurposeId
from service.policy.decide import decide
from service.policy.engine import Policies
from tests.examples import some

NOW = datetime(2026, 5, 1, 22, tzinfo=UTC)
CHOICES: st.SearchStrategy[Choice] = st.one_of(
    st.builds(Allowed, st.sampled_from(list(FLAG)), st.booleans()),
    st.builds(Objection, st.sampled_from([PurposeId("prevent.fraud"), PurposeId("fulfil.orders")]), st.booleans()),
    st.builds(Pause, st.none() | st.integers(-3, 3).map(lambda days: NOW + timedelta(days=days))),
    st.builds(Quiet, st.sampled_from(["", "22:00-07:00 Europe/Berlin", "13:00-15:00 Asia/Kathmandu"])),
    st.builds(Age, st.sampled_from([AgeBand.ADULT, AgeBand.MINOR])),
)
SEVERAL = st.lists(CHOICES, max_size=8).map(lambda choices: [Age(AgeBand.ADULT), *choices])


def allowed(
    policies: Policies, ana: Facts, limits: Restrictions, *, gpc: bool = False
) -> set[tuple[Asked, AttributeId]]:
    """Return what each service can have of somebody who said yes to everything, for whatever it may ask."""
    found: set[tuple[Asked, AttributeId]] = set()
    for asked in everybody(policies.catalogue):
        assert ana.standing is not None
        notice = policies.catalogue.notice_in_force(asked.purpose)
        yes = structs.replace(ana.standing, purpose=asked.purpose, channel=asked.channel, notice=notice, explicit=True)
        facts = structs.replace(ana, now=NOW, standing=yes, restrictions=limits)
        use = policies.catalogue.services[asked.service].uses[asked.purpose]
        decision = decide(policies, structs.replace(asked, gpc=gpc), [*map(AttributeId, use.attributes)], facts)
        found |= {(asked, permit.fact.attribute) for permit in decision.permits}
    return found


@given(choices=SEVERAL, choice=CHOICES.filter(takes_away))
@some(30)
def test_a_choice_that_takes_away_never_widens_what_is_released(
    policies: Policies, ana: Facts, choices: list[Choice], choice: Choice
) -> None:
    before = replay(choices)
    after = restrictions_after(before, choice)
    if narrows(before, after):
        assert allowed(policies, ana, after) <= allowed(policies, ana, before)


@given(choices=SEVERAL)
@some(15)
def test_a_signal_never_widens_what_is_released(policies: Policies, ana: Facts, choices: list[Choice]) -> None:
    limits = replay(choices)
    signalled = allowed(policies, ana, limits, gpc=True)
    assert signalled == allowed(policies, ana, structs.replace(limits, may_share=False))
    assert signalled <= allowed(policies, ana, limits)


@given(choices=SEVERAL, purpose=st.sampled_from(["prevent.fraud", "fulfil.orders", "comply.tax", "no.such"]))
@some(20)
def test_an_objection_stops_nothing_but_its_own_interest(
    policies: Policies, ana: Facts, choices: list[Choice], purpose: str
) -> None:
    limits = restrictions_after(replay(choices), Objection(PurposeId(purpose), stands=False))
    before = allowed(policies, ana, limits)
    after = allowed(policies, ana, restrictions_after(limits, Objection(PurposeId(purpose), stands=True)))
    stopped = {asked.purpose for asked, _ in before - after}
    interest = policies.catalogue.purposes.get(PurposeId("prevent.fraud"))
    assert interest is not None
    assert interest.basis is Basis.LEGITIMATE_INTEREST
    assert stopped <= ({purpose} & {"prevent.fraud"})


def test_each_choice_that_takes_away_makes_a_difference_alone(policies: Policies, ana: Facts) -> None:
    """The control: from what allows most, whatever is taken away narrows something."""
    wide = structs.replace(replay([Age(AgeBand.ADULT)]), **dict.fromkeys(FLAG.values(), True))
    everything = allowed(policies, ana, wide)
    taking: list[Choice] = [
        *(Allowed(kind, allowed=False) for kind in FLAG),
        Objection(PurposeId("prevent.fraud"), stands=True),
        Pause(NOW + timedelta(days=1)),
        Quiet("22:00-07:00 UTC"),
        Age(AgeBand.MINOR),
    ]
    for choice in taking:
        assert allowed(policies, ana, restrictions_after(wide, choice)) < everything, choice


def test_channels_that_disturb_nobody_are_used_at_night(policies: Policies, ana: Facts) -> None:
    night = replay([Age(AgeBand.ADULT), Quiet("00:00-23:59 UTC")])
    channels = {asked.channel for asked, _ in allowed(policies, ana, night)}
    assert {Channel.WEB, Channel.INTERNAL, Channel.POST} <= channels
