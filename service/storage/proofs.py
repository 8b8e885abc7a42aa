"""Proofs that an entry is in the log, for whoever has its opening and its body."""

from service.crypto.merkle import inclusion, leaf_hash, root_of, verify_inclusion
from service.crypto.notes import Proof, proof_text
from service.database import Connection
from service.errors import IntegrityError
from service.storage import log
from service.storage.statements import statements

SQL = statements(__file__)


async def proof_of(connection: Connection, position: int, commitment: bytes, opening: bytes) -> str | None:
    """Return the proof (C2SP tlog-proof) of an entry, None until a checkpoint has it: always with the earliest one.

    Raises IntegrityError where what is stored of the tree does not lead to what was signed.
    """
    head = await connection.fetchrow(SQL["earliest"], position)
    if head is None:
        return None
    spans = inclusion(position, head["size"])
    stored = await log.hashes(connection, spans)
    try:
        path = [root_of(span, stored) for span in spans]
    except KeyError:
        raise IntegrityError("a part of the ledger's tree is missing") from None
    if not verify_inclusion(position, head["size"], leaf_hash(commitment), path, head["root"]):
        raise IntegrityError("the ledger's tree does not lead to its checkpoint")
    return proof_text(Proof(position, path, head["note"], opening))
