"""The methods of an address, for every door: Litestar's answer to OPTIONS knows one handler, where two share it."""

import re
from collections.abc import Awaitable, Callable, Sequence

from litestar.datastructures import MutableScopeHeaders
from litestar.handlers import HTTPRouteHandler
from litestar.types import Message, Scope

TYPE = re.compile(r":\w+\}")


def naming_methods(routes: Sequence[HTTPRouteHandler]) -> Callable[[Message, Scope], Awaitable[None]]:
    """Return what lets an answer to OPTIONS name every method that these routes have at its address."""
    paths = {path for route in routes for path in route.paths}
    methods = {  # by the address as a scope's template writes it
        TYPE.sub("}", path): {"OPTIONS"}.union(*(each.http_methods for each in routes if path in each.paths))
        for path in paths
    }

    async def name(message: Message, scope: Scope) -> None:
        if message["type"] == "http.response.start" and scope.get("method") == "OPTIONS":
            found = methods.get(scope.get("path_template", ""))  # an address that there is not has no template
            if found is not None:
                MutableScopeHeaders.from_message(message)["Allow"] = ", ".join(sorted(found))

    return name
