"""Telling an operator who may see what of one customer. Each look at a person is an entry of hers."""

from service.crypto.keyring import Keyring
from service.database import Database
from service.errors import UnknownAttributeError, UnknownCustomerError, UnknownPurposeError
from service.model.callers import OperatorCaller
from service.model.identifiers import Identifier
from service.model.ledger import LookedUp, entry
from service.model.situation import Asked, everybody
from service.model.words import AttributeId, PurposeId
from service.policy.engine import Policies
from service.policy.explain import explain
from service.storage import customers, facts, ledger


async def explain_customer(
    database: Database,
    keyring: Keyring,
    policies: Policies,
    caller: OperatorCaller,
    found_by: Identifier,
    about: tuple[AttributeId, PurposeId],
) -> list[str]:
    """Say of every service that serves a purpose whether it may see an attribute of this customer, and why."""
    attribute, purpose = about
    lines: list[str] = []
    async with database.transaction() as connection:
        customer = await customers.by_identifier(connection, keyring, found_by.kind, keyring.index_of(found_by))
        if customer is None:
            raise UnknownCustomerError
        for asked in _everybody(policies, attribute, purpose):
            snapshot = await facts.read(connection, keyring, customer, asked, [attribute])
            lines += explain(policies, asked, attribute, snapshot.facts)
        now = await customers.clock(connection)
        act = LookedUp(what=f"explain {attribute} for {purpose}", reason=caller.reason)
        await ledger.append(connection, keyring, entry(ledger.new_entry_id(now), customer, caller, now, act))
    return lines


def _everybody(policies: Policies, attribute: AttributeId, purpose: PurposeId) -> list[Asked]:
    catalogue = policies.catalogue
    if purpose not in catalogue.purposes:
        raise UnknownPurposeError
    if attribute not in catalogue.attributes:
        raise UnknownAttributeError
    return [asked for asked in everybody(catalogue) if asked.purpose == purpose]
