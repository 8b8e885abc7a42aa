"""Pages that only the demo has: an inbox for all its mail, and links that sign somebody made up in.

They are mounted by ``service/demo/serving.py`` and by nothing else, and nothing below this package may import it: no
setting of a real installation can bring them there.
"""

from typing import Any

from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.params import FromPath

from service.app import House
from service.crypto.keyring import Keyring
from service.demo.made_up import PEOPLE, PREFIX, MadeUp
from service.demo.mailbox import Mailbox
from service.errors import NotFoundError, ServiceError
from service.front import Front
from service.model.identifiers import identifier
from service.model.words import CustomerId, IdentifierKind
from service.portal import doorstep
from service.portal.door import EVERYWHERE
from service.portal.forms import refuse_foreign
from service.portal.look import Look
from service.portal.pages import HTML, environment
from service.portal.refusals import refuse, refuse_bug, refuse_framework
from service.portal.visit import Visit
from service.storage import customers
from service.usecases import sessions

INBOX = """{% extends "page.html" %}{% block title %}Inbox of the demo{% endblock %}{% block main %}
<h1>Inbox of the demo</h1>
<p class="lead">All mail of this demo ends here. None leaves this computer.</p>
{% for letter in letters %}<article class="card"><h2>{{ letter.subject }}</h2><p>To {{ letter.to }}</p>
<pre>{{ letter.text|urlize }}</pre></article>{% else %}<p>Nothing yet. Ask for a code, then come back.</p>{% endfor %}
{% endblock %}"""
DOOR = """{% extends "page.html" %}{% block title %}Sign in{% endblock %}{% block main %}
<div class="narrow"><h1>Be {{ who.name }}</h1><p class="lead">{{ who.about }}</p>
<form method="post"><button class="main" id="b-demo">Sign in as {{ who.name }}</button></form>
<p class="counts">Only the demo has this page: {{ who.name }} is made up.</p></div>
{% endblock %}"""


class Demo:
    """The application (ASGI 3), with the demo's own pages before it."""

    def __init__(self, behind: Front, pages: Litestar) -> None:
        self._behind = behind
        self._pages = pages

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  ASGI's own
        """Answer a request."""
        ours = scope["type"] == "http" and scope["path"].startswith(f"{PREFIX}/")
        await (self._pages if ours else self._behind)(scope, receive, send)


def pages(house: House, mailbox: Mailbox) -> Litestar:
    """Return the demo's own pages."""
    return Litestar(
        [inbox, look, press],
        path=PREFIX,
        dependencies={
            "house": Provide(lambda: house, sync_to_thread=False),
            "mailbox": Provide(lambda: mailbox, sync_to_thread=False),
        },
        exception_handlers={ServiceError: refuse, HTTPException: refuse_framework, Exception: refuse_bug},
        state=State({"look": Look()}),
        response_headers=EVERYWHERE,
        logging_config=None,
        openapi_config=None,
    )


@get("/inbox")
async def inbox(house: NamedDependency[House], mailbox: NamedDependency[Mailbox]) -> Response[str]:
    """Return all mail that arrived, the newest first."""
    return await _page(house, INBOX, letters=list(mailbox.letters))


@get("/sign-in/{who:str}")
async def look(house: NamedDependency[House], who: FromPath[str]) -> Response[str]:
    """Return a page with one button."""
    return await _page(house, DOOR, who=_named(who))


@post("/sign-in/{who:str}")
async def press(request: Request[Any, Any, Any], house: NamedDependency[House], who: FromPath[str]) -> Response[None]:
    """Sign whoever presses it in as somebody made up."""
    refuse_foreign(request)
    keyring = await house.keys()
    customer = await _customer(house, keyring, _named(who).email)
    device = doorstep.device(request)
    return doorstep.signed_in(await sessions.begin_for_show(house.database, keyring, customer, device), "/")


async def _customer(house: House, keyring: Keyring, email: str) -> CustomerId:
    found_by = identifier(IdentifierKind.EMAIL, email)
    async with house.database.connection() as connection:
        found = await customers.by_identifier(connection, keyring, found_by.kind, keyring.index_of(found_by))
    if found is None:
        raise NotFoundError
    return found


def _named(who: str) -> MadeUp:
    if who not in PEOPLE:
        raise NotFoundError
    return PEOPLE[who]


async def _page(house: House, template: str, **context: Any) -> Response[str]:  # noqa: ANN401  what a template needs
    catalogue = await house.actions.catalogue()
    visit = Visit(look=Look(), language="en", languages=["en"], path=PREFIX, catalogue=catalogue)
    text = environment("en").from_string(template).render(visit=visit, **context)
    return Response(text, media_type=HTML)
