"""``/``: a customer's affairs at a glance: what we know, what she allows, who used it, her attention."""

from litestar import Response, get
from litestar.di import NamedDependency

from service.actions import Actions
from service.portal.pages import page as shown
from service.portal.visit import Visit


@get("/")
async def page(actions: NamedDependency[Actions], visit: NamedDependency[Visit]) -> Response[str]:
    """Return the first page after signing in."""
    found = await actions.overview(visit.her)
    return shown(visit, "overview.html", overview=found, catalogue=visit.told)
