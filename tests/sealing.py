"""Taking what waits into the log, as the sequencer does: most tests run none, so each says when."""

from pathlib import Path

from service.crypto.notes import Verifier
from service.database import Database
from service.rootkey import read_root_key
from service.usecases import sequencing
from service.usecases.keys import open_keys
from service.usecases.sequencing import Desk

MOST = 10_000


async def seal(database: Database, root_key_file: Path) -> Verifier:
    """Take all that waits into the log, and return the ledger's public key."""
    root = read_root_key(root_key_file)
    keyring = await open_keys(database, root)
    desk = Desk(lambda: root, None, root_key_file.with_name("nothing.seen"))
    async with database.connection() as connection:
        standing = await sequencing.begin(connection, desk)
        await sequencing.seal_waiting(connection, keyring)
        while (sealed := await sequencing.seal(connection, standing, MOST)).count:
            standing = sealed.standing
    return standing.signer.verifier
