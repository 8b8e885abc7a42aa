"""Answers in plain English, for an operator who asks who may see what of whom, and why not."""

from collections.abc import Iterator, Mapping

from service.errors import UnknownAttributeError, UnknownPurposeError, UnknownServiceError
from service.model.facts import Facts
from service.model.situation import Asked
from service.model.words import AttributeId
from service.policy.decide import decide
from service.policy.engine import ENGINE_ERROR, Policies
from service.policy.reasons import NOT_FOR_THIS_PURPOSE, UNMET
from service.policy.rulings import NOT_KNOWN

IN_WORDS: Mapping[str, str] = {
    NOT_KNOWN: "it might, but nothing is known",
    ENGINE_ERROR: "the policies could not be evaluated",
    NOT_FOR_THIS_PURPOSE: "the purpose does not use it, or the service does not serve the purpose",
    UNMET["granted"]: "the service has no right to it for this purpose on this channel",
    UNMET["channel_allowed"]: "the purpose is not offered on this channel",
    UNMET["consent"]: "she has not been asked, or has not answered",
    UNMET["notice_current"]: "her yes was to a notice that did not ask for this",
    UNMET["verified"]: "there is no proof of what she has restricted",
    UNMET["may_process"]: "she has restricted what is done with her data",
    UNMET["not_paused"]: "she has asked for peace until later",
    UNMET["may_market"]: "she objects to marketing",
    UNMET["may_profile"]: "she objects to being profiled",
    UNMET["may_share"]: "she wants nothing shared with outside companies",
    UNMET["unopposed"]: "she objects to this purpose",
    UNMET["age_band"]: "she is not known to be an adult",
    UNMET["explicit"]: "she has not agreed to exactly this in so many words",
    UNMET["observed_allowed"]: "she wants only what she told us used",
    UNMET["demographic_allowed"]: "she has not allowed what her group is like",
    UNMET["unbarred"]: "she has said that it is not to be used for this",
    UNMET["fresh"]: "what is known is older than the catalogue lets it be used",
    UNMET["awake"]: "it is one of her quiet hours",
    UNMET["undisputed"]: "she has said that what was known was not her",
}


def explain(policies: Policies, asked: Asked, attribute: AttributeId, facts: Facts) -> list[str]:
    """Say who asks for what and why, whether it leaves, and which policies said so.

    Raises UnknownServiceError, UnknownPurposeError or UnknownAttributeError for what is not in the catalogue.
    """
    return [_asked(policies, asked, attribute), *_answered(policies, asked, attribute, facts)]


def _asked(policies: Policies, asked: Asked, attribute: AttributeId) -> str:
    catalogue = policies.catalogue
    if asked.service not in catalogue.services:
        raise UnknownServiceError(asked.service)
    if asked.purpose not in catalogue.purposes:
        raise UnknownPurposeError(asked.purpose)
    if attribute not in catalogue.attributes:
        raise UnknownAttributeError(attribute)
    service, purpose = catalogue.services[asked.service], catalogue.purposes[asked.purpose]
    return f"{service.title} ({service.id}) asks for {attribute}, for {purpose.id}, on {asked.channel}."


def _answered(policies: Policies, asked: Asked, attribute: AttributeId, facts: Facts) -> Iterator[str]:
    decision = decide(policies, asked, [attribute], facts)
    for permit in decision.permits:
        yield f"Yes: what is {permit.fact.provenance}, from {permit.fact.source}."
        yield from (_policy(policies, id_) for id_ in permit.policies)
        need = policies.catalogue.purposes[asked.purpose].attributes[attribute]
        yield f"  It is needed: {need.why}"
    for obligation in decision.obligations:
        days = "" if obligation.days is None else f" (days: {obligation.days})"
        yield f"  It comes with an obligation: {obligation.id}{days}."
    for no in decision.withheld:
        yield f"No ({no.reason}): {_words(no.reason, no.policy)}."
        if no.policy is not None:
            yield _policy(policies, no.policy)


def _words(reason: str, policy: str | None) -> str:
    if policy is not None:
        return f"{policy} forbids it"
    return IN_WORDS.get(reason, f"her answer is {reason}")


def _policy(policies: Policies, id_: str) -> str:
    words = policies.policies[id_].annotations
    return f"  {id_}: {words['title']} ({words['basis']})."
