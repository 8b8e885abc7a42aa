"""What a change of the policies opens and closes: every situation that two versions answer differently, in words.

In policies that pass the check nothing opens when something is taken away (``widening``). So the situations in which
something is permitted are known by what each needs: the smallest losses that turn the yes of the brightest situation
into a no. Two versions answer alike exactly when they need the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from itertools import combinations
from math import inf
from typing import TypeAlias

from msgspec import Struct, structs

from service.errors import PolicyError
from service.model.catalogue import Catalogue
from service.model.decision import Obligation
from service.model.situation import BRIGHTEST, darker
from service.model.words import AgeBand, AttributeId, Channel, PurposeId, ServiceId, Status
from service.policy.code import Code
from service.policy.question import Question
from service.policy.widening import conceivable, widening

Loss: TypeAlias = tuple[str, bool | Status | AgeBand]
Need: TypeAlias = frozenset[Loss]
"""Losses which only together close what is asked for: each of them alone may be missing."""

CONDITIONS: Mapping[Loss, str] = {
    ("granted", False): "the service has the right to it on this channel",
    ("channel_allowed", False): "the purpose is offered on this channel",
    ("consent", Status.UNKNOWN): "she has said yes",
    ("notice_current", False): "her yes was to a notice that asked for this",
    ("verified", False): "there is proof of what she has restricted",
    ("may_process", False): "she has not restricted what is done with her data",
    ("not_paused", False): "she has not asked for peace until later",
    ("may_market", False): "she does not object to marketing",
    ("may_profile", False): "she does not object to being profiled",
    ("may_share", False): "she has not forbidden sharing with outside companies",
    ("unopposed", False): "she does not object to this purpose",
    ("age_band", AgeBand.MINOR): "she is an adult",
    ("age_band", AgeBand.UNKNOWN): "her age is known",
    ("explicit", False): "she has agreed to exactly this in so many words",
    ("observed_allowed", False): "she allows what we saw her do",
    ("acquired_allowed", False): "she allows what others sold us",
    ("inferred_allowed", False): "she allows what we guessed",
    ("demographic_allowed", False): "she allows what her group is like",
    ("unbarred", False): "she does not keep it out of this purpose",
    ("fresh", False): "what is known is not out of date",
    ("awake", False): "it is none of her quiet hours",
    ("undisputed", False): "she has not said that it was not her",
}
"""What is needed where a loss closes something. One answer that is no yes stands for all of them."""


class Effect(StrEnum):
    """What a change does to a situation."""

    LOOSENS = "loosens"
    TIGHTENS = "tightens"


class Change(Struct, frozen=True, order=True):
    """One thing that is different: for whom and what, and which condition."""

    effect: Effect
    about: str
    what: str
    attribute: str = ""


def changes(before: Code, after: Code) -> list[Change]:
    """Return all that the later policies loosen or tighten; raises PolicyError for policies that open by loss."""
    if faults := widening(before) + widening(after):
        raise PolicyError(faults)
    old, new = before.catalogue, after.catalogue
    found = [*_of_rules(before, after), *_of_times(old, new), *_of_volumes(old, new)]
    return sorted(set(found))


def in_words(found: Iterable[Change]) -> Iterator[str]:
    """Yield lines for people: what is loosened first, attributes with the same change together."""
    grouped: defaultdict[tuple[Effect, str, str], list[str]] = defaultdict(list)
    for change in found:
        grouped[change.effect, change.about, change.what].append(change.attribute)
    for (effect, about, what), attributes in grouped.items():
        named = ", ".join(attribute for attribute in attributes if attribute)
        yield f"{effect} {about}: {what}{f': {named}' if named else ''}"


# --- who gets what, and what that needs ------------------------------------------------------------------


def _of_rules(before: Code, after: Code) -> Iterator[Change]:
    old, new = _reachable(before), _reachable(after)
    for question in {**old, **new}:
        about = f"{question.service}, for {question.purpose}"
        attribute = f"{question.attribute} ({question.provenance})"
        for effect, what in _differences(old.get(question), new.get(question)):
            yield Change(effect, about, what, attribute)


class Rule(Struct, frozen=True):
    """When a fact leaves: on these channels, if all these needs are met; and what it obliges to."""

    channels: frozenset[Channel]
    needs: frozenset[Need]
    obligations: frozenset[Obligation]


def _reachable(code: Code) -> dict[Question, Rule]:
    """Return every question that the catalogue lets a service ask and that is ever answered with yes."""
    rules: dict[Question, Rule] = {}
    for question, fields in conceivable(code).items():
        channels = _channels(code.catalogue, question)
        if channels and code.allows(question):
            rules[question] = Rule(channels, _needs(code, question, fields), code.obligations(question))
    return rules


def _channels(catalogue: Catalogue, question: Question) -> frozenset[Channel]:
    use = catalogue.services[question.service].uses.get(question.purpose)
    if use is None or question.attribute not in use.attributes:
        return frozenset()
    return frozenset(use.channels) & frozenset(catalogue.purposes[question.purpose].channels)


def _needs(code: Code, question: Question, fields: frozenset[str]) -> frozenset[Need]:
    """Return the smallest sets of losses, of fields that bear on it, that close what the brightest situation opens."""
    losses = [loss for loss in CONDITIONS if loss[0] in fields]
    alone = [loss for loss in losses if _closes(code, question, [loss])]
    needs = {frozenset([loss]) for loss in alone}
    rest = [loss for loss in losses if loss not in alone]
    for size in range(2, len(rest) + 1):
        for some in combinations(rest, size):
            need = frozenset(some)
            if len(dict(some)) == size and not any(each < need for each in needs) and _closes(code, question, some):
                needs.add(need)
    return frozenset(need for need in needs if not any(need != other and _implies(other, need) for other in needs))


def _closes(code: Code, question: Question, losses: Iterable[Loss]) -> bool:
    situation = structs.replace(BRIGHTEST, **dict(losses))
    return not code.allows(structs.replace(question, situation=situation))


def _implies(strict: Need, loose: Need) -> bool:
    """Whether whatever meets the first need meets the second: it asks for no less, of no more fields."""
    lost = dict(loose)
    return all(field in lost and (lost[field] == value or lost[field] in darker(value)) for field, value in strict)


def _differences(old: Rule | None, new: Rule | None) -> Iterator[tuple[Effect, str]]:
    if old is None or new is None:
        if new is not None:
            yield Effect.LOOSENS, f"now gets, {_on(new.channels)}, if {_all(new.needs)}"
        elif old is not None:
            yield Effect.TIGHTENS, f"no longer gets, {_on(old.channels)}"
        return
    yield from _of_channels(old.channels, new.channels)
    for need in sorted(old.needs, key=_said):
        if not any(_implies(other, need) for other in new.needs):
            left = [other for other in new.needs - old.needs if _implies(need, other)]
            yield Effect.LOOSENS, f"no longer needs that {_said(need)}{_only(left)}"
    for need in sorted(new.needs, key=_said):
        if not any(_implies(other, need) for other in old.needs):
            yield Effect.TIGHTENS, f"now needs that {_said(need)}"
    for obligation in sorted(old.obligations ^ new.obligations):
        lifted = obligation in old.obligations
        days = "" if obligation.days is None else f" (days: {obligation.days})"
        words = "no longer obliges to" if lifted else "now obliges to"
        yield Effect.LOOSENS if lifted else Effect.TIGHTENS, f"{words} {obligation.id}{days}"


def _of_channels(old: frozenset[Channel], new: frozenset[Channel]) -> Iterator[tuple[Effect, str]]:
    if new - old:
        yield Effect.LOOSENS, f"now also {_on(new - old)}"
    if old - new:
        yield Effect.TIGHTENS, f"no longer {_on(old - new)}"


def _on(channels: Iterable[Channel]) -> str:
    return f"on {', '.join(sorted(channels))}"


def _all(needs: Iterable[Need]) -> str:
    return ", and ".join(sorted(map(_said, needs)))


def _only(left: Iterable[Need]) -> str:
    words = _all(left)
    return f", only that {words}" if words else ""


def _said(need: Need) -> str:
    return " or ".join(CONDITIONS[loss] for loss in CONDITIONS if loss in need)


# --- for how long ----------------------------------------------------------------------------------------


def _of_times(old: Catalogue, new: Catalogue) -> Iterator[Change]:
    """Yield what changes before a policy is asked: how long facts are fresh, and what a yes covers, and until when."""
    for id_, attribute in new.attributes.items():
        if id_ in old.attributes:
            days = old.attributes[id_].used_days, attribute.used_days
            yield from _longer("every service", f"{id_} is used for {{}} days, not {{}}", *days)
    for purpose, item in new.purposes.items():
        if purpose in old.purposes:
            ends = old.purposes[purpose].consent_expires_days or 0, item.consent_expires_days or 0
            yield from _longer(f"every service, for {purpose}", "a yes holds for {} days, not {}", *ends)
            yield from _of_notices(purpose, old, new)
            yield from _of_retention(purpose, old, new)


def _of_volumes(old: Catalogue, new: Catalogue) -> Iterator[Change]:
    """Yield how much more or less a service may ask for in a minute."""
    for id_ in old.services.keys() & new.services.keys():
        before, after = old.services[id_].per_minute, new.services[id_].per_minute
        if before != after:
            effect = Effect.LOOSENS if (after or inf) > (before or inf) else Effect.TIGHTENS
            yield Change(effect, id_, f"may ask {_volume(after)}, not {_volume(before)}")


def _volume(per_minute: int | None) -> str:
    return "without limit" if per_minute is None else f"{per_minute} times a minute"


def _longer(about: str, what: str, old: int, new: int) -> Iterator[Change]:
    if new != old:
        yield Change(Effect.LOOSENS if new > old else Effect.TIGHTENS, about, what.format(new, old))


def _of_notices(purpose: PurposeId, old: Catalogue, new: Catalogue) -> Iterator[Change]:
    """Yield for whom a yes to a notice comes to cover what it did not, or no longer does, of what was used before."""
    for version in range(1, old.notice_in_force(purpose) + 1):
        for service, attribute in _used(old, purpose) & _used(new, purpose):
            about = f"{service}, for {purpose}"
            before = old.covers(purpose, version, service, attribute)
            after = new.covers(purpose, version, service, attribute)
            if after and not before:
                yield Change(Effect.LOOSENS, about, f"a yes to notice {version} comes to cover", attribute)
            if before and not after:
                yield Change(Effect.TIGHTENS, about, f"a yes to notice {version} no longer covers", attribute)


def _used(catalogue: Catalogue, purpose: PurposeId) -> set[tuple[ServiceId, AttributeId]]:
    """Return which services use which attributes for a purpose."""
    return {
        (service, AttributeId(attribute))
        for service, rights in catalogue.services.items()
        if purpose in rights.uses
        for attribute in rights.uses[purpose].attributes
    }


def _of_retention(purpose: PurposeId, old: Catalogue, new: Catalogue) -> Iterator[Change]:
    for version in range(1, old.notice_in_force(purpose) + 1):
        days = old.purposes[purpose].kept_days(version), new.purposes[purpose].kept_days(version)
        what = f"a yes to notice {version} lets it be kept for {{}} days, not {{}}"
        yield from _longer(f"every service, for {purpose}", what, *days)
