"""``/.well-known``: what this company says of itself to every browser."""

from litestar import get
from msgspec import Struct

from service.api.described import described


class Gpc(Struct, frozen=True, rename={"last_update": "lastUpdate"}):
    """That the Global Privacy Control is honoured, and since when we say so."""

    gpc: bool
    last_update: str


HONOURED = Gpc(gpc=True, last_update="2026-11-26")


@get("/.well-known/gpc.json", opt=described(caller="anyone", answer=Gpc, example=HONOURED, alone=True))
async def gpc() -> Gpc:
    """Say that the Global Privacy Control is honoured."""
    return HONOURED
