"""``/ledger``: the log as C2SP tlog-tiles publishes it, for anybody. It holds nothing that tells of a customer."""

from typing import Annotated, Any
from urllib.parse import unquote

from litestar import Request, Response, route
from litestar.di import NamedDependency
from litestar.enums import HttpMethod
from msgspec import Meta, Struct

from service.actions import Actions
from service.api.described import described
from service.crypto.merkle import tile_at
from service.errors import NothingSignedError, UnknownTileError
from service.kept import FOR_EVER, FOR_MINUTES

READ = (HttpMethod.GET, HttpMethod.HEAD)
PREFIX = "/ledger"
TEXT, BYTES = "text/plain", "application/octet-stream"


class Ledger(Struct, frozen=True):
    """What a reader of C2SP tlog-tiles must know. Addresses are relative to this one."""

    name: Annotated[str, Meta(description="The origin of its checkpoints.")]
    verifiers: Annotated[
        list[str],
        Meta(description="C2SP verifier keys of every name and key it ever had, the newest first."),
    ]
    prefix: Annotated[str, Meta(description="The prefix, as C2SP tlog-tiles calls it.")]
    checkpoint: Annotated[str, Meta(description="Where the newest checkpoint is.")]
    tiles: Annotated[str, Meta(description="Where tiles of hashes are: `<level>/<index>` comes after it.")]
    entries: Annotated[str, Meta(description="Where tiles of entries are: `<index>` comes after it.")]
    page: Annotated[str, Meta(description="What all this is and how to check it, for people.")]


NAME = "shop.example/ledger"
VERIFIER = f"{NAME}+4b450770+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
CHECKPOINT = f"""\
{NAME}
70000
bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=

— {NAME} S0UHcDAjdxOVcka06o5JmT9fmW7RzMay7tK8JUO8WvlUZbddSvzTUT/fxeMAA+92thdhuT7i1zIJFb+xsB4v8W244g8=
"""


def _ledger(name: str, verifiers: list[str]) -> Ledger:
    return Ledger(
        name=name,
        verifiers=verifiers,
        prefix=PREFIX,
        checkpoint=f"{PREFIX}/checkpoint",
        tiles=f"{PREFIX}/tile/",
        entries=f"{PREFIX}/tile/entries/",
        page=PREFIX,
    )


@route(
    f"{PREFIX}/checkpoint",
    http_method=READ,
    opt=described(
        caller="anyone",
        keyless=True,
        answer=str,
        media=TEXT,
        example=CHECKPOINT,
        refusals=(NothingSignedError,),
    ),
)
async def checkpoint(actions: NamedDependency[Actions]) -> Response[str]:
    """Return the newest checkpoint: name, number of entries and root of the ledger, signed (C2SP tlog-checkpoint)."""
    return Response(await actions.checkpoint(), media_type=TEXT)


@route(
    f"{PREFIX}/tile/{{path:path}}",
    http_method=READ,
    opt=described(caller="anyone", keyless=True, answer=bytes, media=BYTES, example=None, refusals=(UnknownTileError,)),
)
async def tile(request: Request[Any, Any, Any], actions: NamedDependency[Actions]) -> Response[bytes]:
    """Return hashes or entries that stand side by side (C2SP tlog-tiles). They never change, so keep them.

    A tile that was partial once is served at that width for good.
    """
    wanted = tile_at(_asked(request).removeprefix(f"{PREFIX}/"))
    if wanted is None:
        raise UnknownTileError
    return Response(await actions.tile(wanted), media_type=BYTES, headers={"Cache-Control": FOR_EVER})


@route(
    "/.well-known/byleave-ledger",
    http_method=READ,
    opt=described(
        caller="anyone",
        keyless=True,
        answer=Ledger,
        example=_ledger(NAME, [VERIFIER]),
        refusals=(NothingSignedError,),
    ),
)
async def about(actions: NamedDependency[Actions]) -> Response[Ledger]:
    """Return how the ledger is called, with which keys it is checked, and where it is."""
    found = await actions.published()
    if found is None:
        raise NothingSignedError
    return Response(_ledger(found.name, [*found.verifiers]), headers={"Cache-Control": FOR_MINUTES})


def _asked(request: Request[Any, Any, Any]) -> str:
    """Return the path as it was asked for: the framework's own is without slashes too many."""
    return unquote(request.scope["raw_path"].decode("latin-1"))
