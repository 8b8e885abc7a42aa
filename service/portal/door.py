"""The portal as a whole: its routes, and what holds for every page."""

from litestar import Litestar
from litestar.config.compression import CompressionConfig
from litestar.datastructures import MutableScopeHeaders, State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.types import Message, Scope

from service.actions import Actions
from service.errors import ServiceError
from service.methods import naming_methods
from service.portal import (
    about,
    again,
    choices,
    data,
    language,
    notices,
    onestep,
    overview,
    preferences,
    receipts,
    refusals,
    signin,
    simulate,
    static,
    use,
    verify,
    ways,
)
from service.portal.carrying import carry_on
from service.portal.look import Look
from service.portal.visit import stranger, visit

ROUTES = [
    overview.page,
    choices.page,
    choices.answer,
    choices.choose,
    choices.pause,
    preferences.keep,
    *data.ROUTES,
    language.choose,
    receipts.page,
    receipts.one,
    receipts.as_json,
    receipts.as_signed,
    use.page,
    use.line,
    use.ask,
    use.questions,
    use.as_csv,
    use.as_json,
    simulate.page,
    onestep.page,
    onestep.press,
    verify.page,
    verify.check,
    notices.page,
    about.help_,
    about.privacy,
    about.accessibility,
    *signin.ROUTES,
    *again.ROUTES,
    *ways.ROUTES,
    static.file,
]
LIMIT = 64 * 1024
EVERYWHERE = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}


def portal(actions: Actions, look: Look) -> Litestar:
    """Return the ASGI application that shows these actions to customers."""
    return Litestar(
        ROUTES,
        dependencies={
            "actions": Provide(lambda: actions, sync_to_thread=False),
            "look": Provide(lambda: look, sync_to_thread=False),
            "visit": Provide(visit),
            "stranger": Provide(stranger),
        },
        exception_handlers={
            ServiceError: refusals.refuse,
            HTTPException: refusals.refuse_framework,
            Exception: refusals.refuse_bug,
        },
        before_send=[_add_headers, naming_methods(ROUTES)],
        compression_config=CompressionConfig(backend="gzip", minimum_size=1024, exclude="/static/"),
        request_max_body_size=LIMIT,
        state=State({"look": look}),
        logging_config=None,
        openapi_config=None,
        debug=False,
    )


async def _add_headers(message: Message, scope: Scope) -> None:
    carry_on(message, scope)
    if message["type"] == "http.response.start":
        headers = MutableScopeHeaders.from_message(message)
        for name, value in EVERYWHERE.items():
            headers.setdefault(name, value)
