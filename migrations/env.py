"""How Alembic reaches the database: over asyncpg, so that the product has one driver and one form of URL."""

import asyncio

import asyncpg
from alembic import context
from sqlalchemy import Connection, pool
from sqlalchemy.ext.asyncio import create_async_engine

LOCK_TIMEOUT = "SET lock_timeout = '500ms'"
STATEMENT_TIMEOUT = "SET statement_timeout = '60s'"
OWNER = "byleave_owner"
WHOSE = "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = to_regclass('alembic_version')"


def _migrate(connection: Connection) -> None:
    # A migration that waits for a lock makes everybody behind it wait too, and a request does so for little more than
    # a second: better it gives up, and is tried again (service/migrating.py).
    connection.exec_driver_sql(LOCK_TIMEOUT)
    connection.exec_driver_sql(STATEMENT_TIMEOUT)
    if connection.exec_driver_sql(WHOSE).scalar() == OWNER:
        connection.exec_driver_sql(f"SET ROLE {OWNER}")  # so that what is made belongs to nobody who logs in
    connection.commit()
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


async def _connect() -> "asyncpg.Connection[asyncpg.Record]":
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(context.config.attributes["url"])
    return connection


async def _run() -> None:
    engine = create_async_engine("postgresql+asyncpg://", async_creator=_connect, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(_migrate)
        await connection.commit()
    await engine.dispose()


asyncio.run(_run())
