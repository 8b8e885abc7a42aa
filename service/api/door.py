"""The JSON door as a whole: its routes, and what holds for every one of them."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

from litestar import Litestar
from litestar.datastructures import MutableScopeHeaders
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.types import Message, Scope

from service.actions import Actions
from service.api import (
    announcements,
    callers,
    catalogue,
    choices,
    consents,
    customers,
    disputes,
    entries,
    health,
    identifiers,
    ledger,
    me,
    message_links,
    notices,
    permissions,
    preferences,
    problems,
    questions,
    receipts,
    releases,
    simulations,
    use,
    well_known,
    withdrawals,
)
from service.api.bodies import LIMIT
from service.errors import ServiceError
from service.methods import naming_methods

Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]
ROUTES = [
    releases.release,
    releases.decision,
    releases.release_to_many,
    customers.enrol,
    customers.contribute,
    consents.record,
    consents.read,
    consents.answer_as_customer,
    consents.read_as_customer,
    notices.serve,
    notices.serve_as_customer,
    notices.prompts,
    notices.prompts_as_customer,
    consents.history,
    consents.history_as_customer,
    withdrawals.withdraw,
    withdrawals.withdraw_as_customer,
    announcements.announcements,
    choices.record_choice,
    choices.choose,
    choices.read_choices,
    preferences.read_preferences,
    preferences.keep_preferences,
    me.facts,
    disputes.correct,
    disputes.delete,
    disputes.reach,
    disputes.dispute,
    disputes.disputes,
    disputes.undo,
    disputes.explain,
    permissions.permissions,
    use.use,
    use.use_of_line,
    simulations.simulation,
    questions.ask,
    questions.my_questions,
    entries.my_entry,
    receipts.receipt,
    receipts.my_receipt,
    receipts.my_receipts,
    receipts.key_set,
    receipts.verify_receipt,
    identifiers.identifiers,
    identifiers.disown,
    message_links.message_links,
    well_known.gpc,
    ledger.checkpoint,
    ledger.tile,
    ledger.about,
    catalogue.purposes,
    catalogue.notice,
    health.live,
    health.ready,
]
EVERYWHERE = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


def door(actions: Actions, pages: Sequence[HTTPRouteHandler], lifespan: Sequence[Lifespan]) -> Litestar:
    """Return the ASGI application that speaks for these actions, with pages that are for people."""
    return Litestar(
        [*ROUTES, *pages],
        dependencies={
            "actions": Provide(lambda: actions, sync_to_thread=False),
            "caller": Provide(callers.service),
            "me": Provide(callers.customer),
        },
        exception_handlers={
            ServiceError: problems.refuse,
            HTTPException: problems.refuse_framework,
            Exception: problems.refuse_bug,
        },
        before_send=[_add_headers, naming_methods(ROUTES), _leave_out_content],
        request_max_body_size=LIMIT,
        lifespan=list(lifespan),
        logging_config=None,
        openapi_config=None,
        debug=False,
    )


async def _add_headers(message: Message, _: Scope) -> None:
    if message["type"] == "http.response.start":
        headers = MutableScopeHeaders.from_message(message)
        for name, value in EVERYWHERE.items():
            headers.setdefault(name, value)


async def _leave_out_content(message: Message, scope: Scope) -> None:
    """Answer HEAD as GET is answered, without the content (RFC 9110, 9.3.2)."""
    if message["type"] == "http.response.body" and scope.get("method") == "HEAD":
        message["body"] = b""
