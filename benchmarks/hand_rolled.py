"""What a team writes by hand in an afternoon: a consent check of FastAPI and SQLAlchemy, one indexed select.

No encryption, no audit, no policy. It asks the same table as the service does, by the same key.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from service.settings import read_settings


class Base(DeclarativeBase):
    """What SQLAlchemy asks for."""


class Consent(Base):
    """What stands."""

    __tablename__ = "consent"

    customer: Mapped[UUID] = mapped_column(primary_key=True)
    purpose: Mapped[str] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str]


class Checked(BaseModel):
    """Whether she allows it."""

    allowed: bool


@asynccontextmanager
async def _sessions(app: FastAPI) -> AsyncIterator[None]:
    settings = read_settings()

    async def connect() -> "asyncpg.Connection[Any]":
        connection: asyncpg.Connection[Any] = await asyncpg.connect(settings.database_url)
        return connection

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, pool_size=settings.connections)
    app.state.sessions = async_sessionmaker(engine, expire_on_commit=False)
    yield
    await engine.dispose()


async def _session(request: Request) -> AsyncIterator[AsyncSession]:
    async with request.app.state.sessions() as session:
        yield session


async def check(
    customer: UUID, purpose: str, channel: str, session: Annotated[AsyncSession, Depends(_session)]
) -> Checked:
    """Answer whether a customer allows a purpose on a channel."""
    asked = select(Consent).where(Consent.customer == customer, Consent.purpose == purpose, Consent.channel == channel)
    found = (await session.execute(asked)).scalar_one_or_none()
    return Checked(allowed=found is not None and found.status in {"given", "renewed"})


def application() -> FastAPI:
    """Return the check, ready to be served."""
    made = FastAPI(lifespan=_sessions, openapi_url=None)
    made.get("/consents/{customer}/{purpose}/{channel}")(check)
    return made
