"""${message}.

Safe while the previous release runs: <say why; if it is not, split it into an expanding and a contracting one>.
"""
# The rules: forwards only; one statement in each op.execute; no statement that rewrites or locks a large table
# (add columns without a volatile default, indexes CONCURRENTLY in a migration of their own, constraints NOT VALID
# and then VALIDATE); a new table says in the same migration what each role may do with it (0008, and the matrix in
# tests/security/test_roles.py). Run `make generate` afterwards and read the diff of schema.sql.

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """${message}."""
    op.execute("")
