from collections.abc import Callable

import pytest

from service.policy.bundle import Bundle
from service.policy.engine import Policies

Change = Callable[..., Bundle]
Faults = Callable[[Bundle], list[str]]

GRANT = 'principal in Grant::"personalise.recommendations"'
ACTION = 'action == Action::"personalise.recommendations"'
SET = 'resource in AttributeSet::"personalise.recommendations"'
WHEN = "when { context.notice_current }"
PERMITS = [
    ('@id("permit.recommendations")', "", "policy0: needs @id"),
    ('@id("permit.recommendations")', "@id", "policy0: needs @id"),
    ('@id("permit.recommendations")', '@id("recommendations")', "@id must begin with permit."),
    ('@id("permit.recommendations")', '@id("forbid.recommendations")', "@id must begin with permit."),
    ('@id("permit.newsletter")', '@id("permit.recommendations")', "another policy has the same @id"),
    ('@id("permit.newsletter")', '@id("forbid.unverified")', "another policy has the same @id"),
    ('@reason("consented")', "", "permit.recommendations: needs @reason"),
    ('@reason("consented")', '@reason("She agreed")', "permit.recommendations: @reason is not a code"),
    ('@reason("consented")', '@reason("consented")\n@rank("1")', "@rank has no meaning here"),
    ('@reason("consented")', '@reason("consented")\n@obligation("x")', "@obligation has no meaning here"),
    ('@basis("GDPR Art. 6(1)(a)")', '@basis(" ")', "permit.recommendations: needs @basis"),
    ('@title("Recommendations use', '@titel("Recommendations use', "permit.recommendations: needs @title"),
    (GRANT, "principal", "a permit says principal in Grant::..."),
    (GRANT, GRANT.replace(" in ", " == "), "a permit says principal in Grant::..."),
    (GRANT, "principal is Service", "a permit says principal in Grant::..."),
    (GRANT, 'principal == Service::"recommender"', "a permit says principal in Grant::..."),
    (GRANT, 'principal in Team::"data"', "a permit says principal in Grant::..."),
    (ACTION, "action", "a permit names its action"),
    (ACTION, "action in []", "a permit names its action"),
    (SET, "resource", "a permit says resource in AttributeSet::..."),
    (SET, 'resource == Attribute::"first_name#volunteered"', "a permit says resource in AttributeSet::..."),
    (SET, 'resource in Provenance::"volunteered"', "a permit says resource in AttributeSet::..."),
    (WHEN, 'when { "given" == "given" }', "has the literal 'given'"),
    (WHEN, "when { 1 == 1 }", "has the literal 1"),
    (WHEN, "when { 1 + 1 == 2 }", "uses +,"),
    (WHEN, "when { 1 < 2 }", "uses <,"),
    (WHEN, "when { context has notice_current }", "uses has,"),
    (WHEN, 'when { "a" like "a*" }', "uses like,"),
    (WHEN, 'when { ip("10.0.0.1").isLoopback() }', "uses isLoopback,"),
    (WHEN, 'when { datetime("2024-01-01") == datetime("2024-01-01") }', "uses datetime,"),
    (WHEN, 'when { decimal("1.0") == decimal("1.0") }', "uses decimal,"),
    (WHEN, "when { resource is Attribute }", "uses is,"),
    (WHEN, "when { if context.granted then true else false }", "uses if-then-else,"),
    (WHEN, "when { [true].containsAll([context.granted]) }", "uses containsAll,"),
    (WHEN, "when { !(context.granted && { a: 1 } == { a: 1 }) }", "uses Record,"),
    (WHEN, 'unless { principal == Service::"recomender" }', 'the catalogue has no Service::"recomender"'),
    (WHEN, 'when { resource == Attribute::"first_name" }', 'the catalogue has no Attribute::"first_name"'),
    (WHEN, 'when { resource == Attribute::"first_name#inferred" }', "has no Attribute::"),
]
VALIDATOR = [
    ('Grant::"personalise.recommendations"', 'Grant::"personalise.recommendation"', "not declared as a valid eid"),
    ('Status::"given"', 'Status::"gven"', "not declared as a valid eid"),
    ('Action::"personalise.recommendations"', 'Action::"personalise"', 'unrecognized action `Action::"persona'),
    ("context.notice_current", "context.notice_curent", "notice_curent"),
    ('Status::"given"', 'AgeBand::"adult"', "permit.recommendations: "),
    ("permit (", "broken (", "permits.cedar: "),
    (GRANT, "principal == ?principal", "permits.cedar: templates are not used here"),
]
OBLIGATIONS = [
    ('@obligation("delete-after")', "", "needs @obligation"),
    ('@obligation("delete-after")', '@obligation("Delete it!")', "@obligation is not a code"),
    ('@days("1")', '@days("soon")', "@days is not a number of days"),
    ('@days("1")', '@days("0")', "@days is not a number of days"),
    ('@id("obligation.', '@id("permit.', "@id must begin with obligation."),
    ("permit (", "forbid (", "an obligation is written as a permit"),
]
TABLE = [
    *(("permits.cedar", *row) for row in PERMITS + VALIDATOR),
    *(("obligations.cedar", *row) for row in OBLIGATIONS),
    ("forbids.cedar", '@reason("adults-only")', '@reason("")', "forbid.minors: needs @reason"),
    ("forbids.cedar", 'Trait::"special"', 'Trait::"speciel"', "not declared as a valid eid"),
    ("forbids.cedar", 'Action::"profiling"', 'Action::"profling"', "forbid.profiling-objection: "),
    ("schema.cedarschema", "granted: Bool,", "", "is not the schema of this catalogue"),
]


@pytest.mark.parametrize(("file", "old", "new", "fault"), TABLE)
def test_each_rule_is_broken_by_a_policy_and_says_so(
    changed: Change, faults: Faults, file: str, old: str, new: str, fault: str
) -> None:
    found = faults(changed(file, old, new))
    assert any(fault in line for line in found), found


def test_the_sample_policies_break_no_rule(bundle: Bundle, faults: Faults) -> None:
    assert faults(bundle) == []


def test_a_policy_that_is_not_formatted_is_a_fault(bundle: Bundle, faults: Faults) -> None:
    text = bundle.files["permits.cedar"].replace("permit (", "permit(")
    assert faults(Bundle({**bundle.files, "permits.cedar": text})) == [
        "permits.cedar: is not formatted as Cedar formats it"
    ]


def test_a_catalogue_that_changed_without_its_schema_is_a_fault(changed: Change, faults: Faults) -> None:
    found = faults(changed("purposes.toml", "kinds = []", 'kinds = ["delivery"]'))
    assert any(line.startswith("schema.cedarschema: is not the schema") for line in found)


def test_faults_of_policies_and_of_the_catalogue_are_told_together(changed: Change, faults: Faults) -> None:
    one = changed("permits.cedar", "permit (", "broken (")
    found = faults(changed("purposes.toml", 'basis = "consent"', 'basis = "whim"', within=one))
    assert {line.split(":")[0] for line in found} == {"permits.cedar", "purposes.toml"}


def test_every_policy_says_what_it_is_and_why(policies: Policies) -> None:
    assert len(policies.policies) >= 15
    for policy in policies.policies.values():
        assert {"id", "title", "basis", "reason"} <= policy.annotations.keys()


def test_a_second_file_of_policies_is_read_too(bundle: Bundle, faults: Faults) -> None:
    stray = '@id("forbid.stray")\nforbid (principal, action, resource);\n'
    found = faults(Bundle({**bundle.files, "more.cedar": stray}))
    assert "more.cedar: forbid.stray: needs @title" in found
