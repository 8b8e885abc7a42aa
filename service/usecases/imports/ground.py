"""What is there already, read where nobody else can change it: an import decides by this and by nothing else."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from service.crypto.keyring import OpenKey
from service.database import Connection
from service.model.facts import Restrictions
from service.model.hearsay import Stood
from service.model.identifiers import recognised
from service.model.strikes import Block
from service.model.suppression import Found, Suppression
from service.model.words import AttributeId, CustomerId, IdentifierKind, Provenance
from service.storage import customers, evidence, facts, hearsay, sources, strikes, suppressions
from service.usecases.imports.arriving import Arrival, Run


class Ground(Struct, frozen=True):
    """What is there already, read where nobody else can change it."""

    known: dict[bytes, sources.Known]
    claims: dict[Found, set[CustomerId]]
    """Of many who share an identifier, two: that it is shared is all there is to know."""
    recorded: set[CustomerId]
    hers: set[tuple[CustomerId, IdentifierKind, bytes]]
    disowned: set[tuple[CustomerId, IdentifierKind, bytes]]
    """What they said is not theirs."""
    keys: dict[CustomerId, OpenKey]
    proofs: dict[CustomerId, OpenKey | None]
    """The keys that seal what proves their answers, where a row has any proof; None for one that does not open."""
    limits: dict[CustomerId, Restrictions]
    """What holds for them, as far as it carries our MAC."""
    dates: dict[tuple[CustomerId, AttributeId, Provenance], datetime]
    suppressed: dict[Found, list[Suppression]]
    blocks: list[Block]
    """What keeps something of them out."""
    sharing: dict[Found, set[CustomerId]]
    """Everybody who shares an address about whose consents a row says something."""
    stood: Stood
    now: datetime

    def concerned(self, arrival: Arrival, customer: CustomerId | None) -> set[CustomerId]:
        """Return a customer, if any, everybody who shares the address of a row, and all who are linked to them."""
        sharing = [each for found in arrival.address for each in self.sharing.get(found, ())]
        return {each for who in (*sharing, *((customer,) if customer else ())) for each in self.person(who)}

    def left_alone(self, shown: Iterable[Found]) -> list[Suppression]:
        """Return why whoever shows these identifiers is to be left alone."""
        return [each for found in shown for each in self.suppressed.get(found, ())]

    def found_by(self, arrival: Arrival) -> CustomerId | None:
        """Return whom the identifiers of a row find; one that is shared finds nobody."""
        return recognised({each: self.claims.get(each, set()) for each in arrival.found_by}, self.hers)

    def person(self, customer: CustomerId) -> set[CustomerId]:
        """Return a customer, and whoever is linked to her."""
        return {customer, *(self.limits[customer].linked if customer in self.limits else ())}


async def read_ground(connection: Connection, run: Run, group: list[Arrival]) -> Ground:
    """Lock, then read: whoever wants the same identifiers or ids waits, then whoever wants the same customers."""
    await customers.hold(connection, {digest for each in group for digest in each.digests})
    source, keyring = run.columns.origin, run.means.keyring
    wanted = {found for each in group for found in each.found_by}
    known = await sources.known(connection, source, [each.digest for each in group])
    claims = await customers.claims(connection, keyring, wanted)
    asked = {found for each in group if each.draft.answers for found in each.address if found in claims}
    sharing = await customers.claimants(connection, keyring, asked) if asked else {}
    concerned = {each.customer for each in known.values()}.union(*claims.values(), *sharing.values())
    concerned = await customers.line_up(connection, concerned)
    evident = any(heard.evidence for each in group for heard in each.draft.answers)
    claimed = await customers.identifiers_of(connection, concerned)
    in_use = {each.found for each in claimed if each.disowned_at is None}
    return Ground(
        known=known,
        claims=claims,
        recorded=await sources.recorded(connection, source, concerned),
        hers={(each.customer, *each.found) for each in claimed if each.disowned_at is None},
        disowned={(each.customer, *each.found) for each in claimed if each.disowned_at is not None},
        keys=await customers.open_keys(connection, keyring, concerned),
        proofs=await evidence.keys_of(connection, keyring, concerned) if evident else {},
        limits=await customers.restrictions_of(connection, keyring, concerned),
        dates=await facts.dates(connection, concerned, source),
        suppressed=await suppressions.among(connection, wanted | in_use),
        blocks=await strikes.blocks(connection, concerned),
        sharing=sharing,
        stood=await hearsay.stood(connection, concerned, source),
        now=await customers.clock(connection),
    )
