from collections.abc import Callable
from functools import partial

import cedarpy
import pytest
from msgspec import structs

from service.errors import PolicyError
from service.policy.bundle import Bundle
from service.policy.canaries import canaries_in, dead_canaries
from service.policy.cedar import Judges, judge
from service.policy.engine import Policies, compile_policies
from service.policy.lint import OBLIGATIONS, policies_of
from service.policy.schema import cedar_entities, cedar_schema

Change = Callable[..., Bundle]
Faults = Callable[[Bundle], list[str]]

DISABLED = [
    ("permits.cedar", "permit.recommendations", "given", "withdrawn"),
    ("forbids.cedar", "forbid.unverified", "context.verified", "context.verified || !context.verified"),
    ("forbids.cedar", "forbid.restricted", "context.may_process", "true"),
    ("forbids.cedar", "forbid.marketing-objection", "unless { context.may_market }", "when { false }"),
    ("forbids.cedar", "forbid.profiling-objection", 'Action::"profiling"', 'Action::"marketing"'),
    ("forbids.cedar", "forbid.sharing", "when { principal.third_party }", "when { !principal.third_party }"),
    ("forbids.cedar", "forbid.minors", 'Action::"profiling", Action::"marketing"', 'Action::"profiling"'),
    ("forbids.cedar", "forbid.special-category", 'Trait::"special"', 'Trait::"demographic"'),
    ("forbids.cedar", "forbid.observed", 'Provenance::"observed"', 'Provenance::"inferred"'),
    ("forbids.cedar", "forbid.acquired", "acquired_allowed", "inferred_allowed"),
    ("forbids.cedar", "forbid.inferred", "inferred_allowed", "acquired_allowed"),
    ("forbids.cedar", "forbid.demographic", "unless { context.demographic", "when { context.demographic"),
    ("forbids.cedar", "forbid.young-readers", 'Action::"research"', 'Action::"profiling"'),
    ("forbids.cedar", "forbid.objection", "context.unopposed", "context.may_share"),
    ("forbids.cedar", "forbid.pause", "context.not_paused", "context.awake"),
    ("forbids.cedar", "forbid.quiet-hours", "context.awake", "context.not_paused"),
    ("forbids.cedar", "forbid.health-outside", "when { principal.third_party };", "when { !principal.third_party };"),
    ("forbids.cedar", "forbid.out-of-date", "context.fresh || ", "!context.fresh || context.fresh || "),
    ("obligations.cedar", "obligation.delete-after-a-day", "resource\n);", "resource\n) when { false };"),
    ("obligations.cedar", "obligation.no-passing-on", "principal.third_party", "!principal.third_party"),
]


@pytest.fixture(scope="module")
def faults() -> Faults:
    """Return the faults for which a bundle would not even be loaded, without what only publishing asks."""

    def find(bundle: Bundle) -> list[str]:
        try:
            compile_policies(bundle)
        except PolicyError as error:
            return error.faults
        return []

    return find


@pytest.mark.parametrize(("file", "policy", "old", "new"), DISABLED)
def test_a_policy_that_was_disabled_or_bent_kills_its_canary(
    changed: Change, faults: Faults, file: str, policy: str, old: str, new: str
) -> None:
    found = faults(changed(file, old, new))
    assert any(f"canaries.toml: {policy}: does not" in line for line in found), found


def test_every_policy_that_is_switched_off_is_noticed(bundle: Bundle, changed: Change, faults: Faults) -> None:
    for policy in policies_of(bundle)[0]:
        start = bundle.files[policy.file].index(f'@id("{policy.id}")')
        text = bundle.files[policy.file][start:].split(";\n", 1)[0]
        found = faults(changed(policy.file, text, f"{text} when {{ false }}"))
        assert f"canaries.toml: {policy.id}: does not fire where it must" in found


def test_a_policy_that_was_removed_is_noticed(bundle: Bundle, faults: Faults) -> None:
    files = {path: text for path, text in bundle.files.items() if path != "forbids.cedar"}
    assert "canaries.toml: forbid.minors: there is no such policy" in faults(Bundle(files))


def test_a_policy_that_fires_always_is_noticed(changed: Change, faults: Faults) -> None:
    found = faults(changed("forbids.cedar", "unless { context.may_market }", "when { true }"))
    marketing = ("permit.newsletter", "permit.phone-offers", "permit.airline-offers")
    assert found == [f"canaries.toml: {policy}: does not fire where it must" for policy in marketing]


def test_a_permit_that_does_not_stay_silent_is_noticed_although_a_forbid_hides_it(
    changed: Change, faults: Faults
) -> None:
    given = '[Status::"given", Status::"renewed"]'
    loose = changed("permits.cedar", given, '[Status::"given", Status::"withdrawn"]')
    hidden = '{ consent = "withdrawn", verified = false }'
    found = faults(changed("canaries.toml", '{ consent = "withdrawn" }', hidden, within=loose))
    assert found == ["canaries.toml: permit.recommendations: does not stay silent where it must"]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('policy = "forbid.minors"', 'policy = "forbid.maniors"', "forbid.minors: this policy has no canary"),
        ('policy = "forbid.minors"', 'policy = "forbid.maniors"', "forbid.maniors: there is no such policy"),
        ('policy = "forbid.minors"', 'policy = "forbid.sharing"', "forbid.sharing: has two canaries"),
        ("may_share = false", 'may_share = "false"', "canaries.toml: Expected `bool`, got `str`"),
        ("may_share = false", "may_share = 0", "canaries.toml: Expected `bool | str`, got `int`"),
        ("may_share = false", "may_shave = false", "canaries.toml: a situation has no may_shave"),
        ('age_band = "minor"', 'age_band = "young"', "canaries.toml: Invalid enum value 'young'"),
        ("silent =", "quiet =", "canaries.toml: Object contains unknown field `quiet`"),
        ("[[canary]]", "[[canary", "canaries.toml: Expected"),
        ('service = "finance"', 'service = "fiance"', "permit.tax: does not fire where it must"),
        ('purpose = "comply.tax"', 'purpose = "comply.taxes"', "permit.tax: failed to build request"),
    ],
)
def test_a_fault_in_the_canaries_is_told(changed: Change, faults: Faults, old: str, new: str, fault: str) -> None:
    found = faults(changed("canaries.toml", old, new))
    assert any(fault in line for line in found), found


def test_without_canaries_nothing_compiles(bundle: Bundle, faults: Faults) -> None:
    files = {path: text for path, text in bundle.files.items() if path != "canaries.toml"}
    assert "canaries.toml: is missing" in faults(Bundle(files))


def test_entities_made_without_the_schema_would_silence_forbids_on_groups_and_the_canaries_see_it(
    bundle: Bundle, policies: Policies
) -> None:
    read, _ = policies_of(bundle)
    entities, schema = cedar_entities(policies.catalogue), cedar_schema(policies.catalogue)
    made = partial(judge, entities=entities, schema=schema)
    judges = Judges(
        whole=made([p for p in read if p.file != OBLIGATIONS]),
        permits=made([p for p in read if p.file == "permits.cedar"]),
        obligations=made([p for p in read if p.file == OBLIGATIONS]),
    )
    canaries, _ = canaries_in(bundle)
    assert dead_canaries(canaries, read, judges) == []
    blind = structs.replace(judges.whole, entities=cedarpy.Entities.from_json_str(entities))
    dead = dead_canaries(canaries, read, structs.replace(judges, whole=blind))
    assert "canaries.toml: forbid.marketing-objection: does not fire where it must" in dead
    assert "canaries.toml: forbid.inferred: does not fire where it must" in dead
