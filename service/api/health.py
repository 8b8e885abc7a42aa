"""``/health``: is this process alive, and can it decide."""

from litestar import Response, get
from litestar.di import NamedDependency
from msgspec import Struct

from service.actions import Actions
from service.api.described import described


class Health(Struct, frozen=True):
    """``faults`` names what keeps this process from deciding."""

    ready: bool
    faults: list[str]


WELL = Health(ready=True, faults=[])
UNREADY = Health(ready=False, faults=["keys-unavailable"])


@get("/health/live", opt=described(caller="anyone", answer=Health, example=WELL, alone=True))
async def live() -> Health:
    """Say that the process runs."""
    return WELL


@get("/health/ready", opt=described(caller="anyone", answer=Health, example=WELL, alone=True, also={503: UNREADY}))
async def ready(actions: NamedDependency[Actions]) -> Response[Health]:
    """Say whether database, keys and policies are there; 503 when not. Withdrawing may work all the same."""
    faults = await actions.faults()
    return Response(Health(ready=not faults, faults=faults), status_code=503 if faults else 200)
