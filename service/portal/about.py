"""``/help``, ``/privacy``, ``/accessibility``: whom to ask, what this website keeps, and for whom it works. Public."""

from litestar import Response, get
from litestar.di import NamedDependency

from service.portal.pages import page
from service.portal.visit import Visit


@get("/help")
async def help_(visit: NamedDependency[Visit]) -> Response[str]:
    """Return where to find what, and whom to ask."""
    return page(visit, "help.html")


@get("/privacy")
async def privacy(visit: NamedDependency[Visit]) -> Response[str]:
    """Return what this website itself keeps of who uses it, and who is responsible."""
    return page(visit, "privacy.html")


@get("/accessibility")
async def accessibility(visit: NamedDependency[Visit]) -> Response[str]:
    """Return what was done so that everybody can use it, and whom to tell where it does not work."""
    return page(visit, "accessibility.html")
