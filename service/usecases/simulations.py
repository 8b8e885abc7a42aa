"""What a service would see of a customer now, and if she chose otherwise: a release's own decision, nothing entered."""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from service.crypto.keyring import Keyring, OpenKey, open_own
from service.database import Database
from service.errors import KeysUnavailableError, NotGrantedError, UnknownPurposeError
from service.model.callers import CustomerCaller
from service.model.catalogue import Catalogue
from service.model.decision import Decision, Withheld
from service.model.facts import SealedFact
from service.model.situation import Asked
from service.model.suppositions import Supposed, supposing
from service.model.words import AttributeId, CustomerId
from service.policy.decide import decide
from service.policy.engine import Policies
from service.storage import facts


class Seen(Struct, frozen=True, kw_only=True):
    """One attribute as a service sees it: a fact, or why there is none. Its repr hides the value.

    ``value``: None also where another side of a merged person knows it, which is not hers to see.
    """

    attribute: AttributeId
    fact: SealedFact | None = None
    value: msgspec.Raw | None = None
    withheld: Withheld | None = None

    def __repr__(self) -> str:
        return f"Seen({self.attribute!r})"


class Simulation(Struct, frozen=True):
    """What a service would see of all that it may ask for; ``then``: as she supposes, None where that is nothing."""

    asked: Asked
    now: list[Seen]
    then: list[Seen] | None

    @property
    def differences(self) -> list[AttributeId]:
        """Of which attributes something else is seen then."""
        both = zip(self.now, self.now if self.then is None else self.then, strict=True)
        return [one.attribute for one, other in both if one.fact != other.fact]


async def simulate(
    database: Database,
    keyring: Keyring,
    policies: Policies,
    caller: CustomerCaller,
    asked: Asked,
    supposed: Supposed,
) -> Simulation:
    """Say what a release would say and hand over; it is none, so nothing is entered.

    Raises UnknownPurposeError, or NotGrantedError where no such service may ask this.
    """
    attributes = _attributes(policies.catalogue, asked)
    async with database.connection() as connection:
        snapshot = await facts.read(connection, keyring, caller.customer, asked, attributes)
    if caller.customer not in snapshot.keys:
        raise KeysUnavailableError("the customer's key is gone")
    key = keyring.open_customer_key(caller.customer, snapshot.keys[caller.customer])
    now = decide(policies, asked, attributes, snapshot.facts)
    then = None
    if not supposed.nothing:
        then = decide(policies, asked, attributes, supposing(supposed, asked, snapshot.facts, policies.catalogue))
    # Each value once, and only of what is seen in one of the two.
    values = _values(key, caller, now, then)
    return Simulation(asked, _seen(attributes, now, values), None if then is None else _seen(attributes, then, values))


def _attributes(catalogue: Catalogue, asked: Asked) -> tuple[AttributeId, ...]:
    if asked.purpose not in catalogue.purposes:
        raise UnknownPurposeError(pointer="/purpose")
    service = catalogue.services.get(asked.service)
    use = None if service is None else service.uses.get(asked.purpose)
    if use is None or asked.channel not in use.channels:
        raise NotGrantedError("no such service uses anything for this purpose on this channel", pointer="/service")
    return tuple(AttributeId(each) for each in use.attributes)


def _values(
    key: OpenKey, caller: CustomerCaller, *decisions: Decision | None
) -> Mapping[tuple[CustomerId, str], msgspec.Raw]:
    permits = [permit for each in decisions if each is not None for permit in each.permits]
    hers = {permit.fact.name: permit.fact for permit in permits if permit.customer == caller.customer}
    return {(caller.customer, name): msgspec.Raw(open_own(key, caller, fact)) for name, fact in hers.items()}


def _seen(
    attributes: tuple[AttributeId, ...], decision: Decision, values: Mapping[tuple[CustomerId, str], msgspec.Raw]
) -> list[Seen]:
    permits = {permit.fact.attribute: permit for permit in decision.permits}
    withheld = {each.attribute: each for each in decision.withheld}
    return [
        Seen(attribute=each, withheld=withheld[each])
        if each in withheld
        else Seen(
            attribute=each,
            fact=permits[each].fact,
            value=values.get((permits[each].customer, permits[each].fact.name)),
        )
        for each in attributes
    ]
