"""``/v1/customers/{id}/withdrawals`` and ``/v1/me/withdrawals``: one call that ends one consent, many or all."""

from typing import Any, Literal

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import UNSET, Struct, UnsetType, structs

from service.actions import Actions
from service.api.attempts import attempt_of
from service.api.bodies import read_body
from service.api.consents import EXAMPLE_RECORDED, Recorded, recorded
from service.api.described import described
from service.api.wire import PurposeWord, Staff, customer_in_path
from service.errors import (
    NotConsentBasedError,
    UnknownChannelError,
    UnknownCustomerError,
    UnknownPurposeError,
    WrongKindError,
)
from service.model.callers import CustomerCaller, ServiceCaller
from service.model.consent import Reach
from service.model.words import Acting, Channel, Method, PurposeId, Status
from service.usecases.consents import Said

REFUSALS = (UnknownPurposeError, UnknownChannelError, NotConsentBasedError)
ONE_PURPOSE_OR_SEVERAL = {
    "oneOf": [{"required": ["purpose"]}, {"required": ["all"]}],
    "dependentRequired": {"channel": ["purpose"]},
}


class Withdrawal(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What ends: one purpose, on one channel or on all of them; or all marketing; or everything."""

    purpose: PurposeWord | UnsetType = UNSET
    channel: Channel | UnsetType = UNSET
    all: Reach | UnsetType = UNSET


class WithdrawalElsewhere(Withdrawal, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What ends, as she said it elsewhere: also by which road, who spoke for her, and which one of them."""

    method: Literal["api", "phone", "paper", "counter"] = "api"
    acting: Literal["herself", "staff"] = "herself"
    actor: Staff | None = None


EXAMPLE = Withdrawal(all=Reach.MARKETING)


@post(
    "/v1/customers/{customer:str}/withdrawals",
    status_code=200,
    opt=described(
        caller="service",
        body=WithdrawalElsewhere,
        writes=True,
        body_rule=ONE_PURPOSE_OR_SEVERAL,
        body_example=WithdrawalElsewhere(all=Reach.EVERYTHING, method="phone", actor="desk-7"),
        answer=Recorded,
        example=EXAMPLE_RECORDED,
        refusals=(*REFUSALS, UnknownCustomerError),
    ),
)
async def withdraw(
    request: Request[Any, Any, Any],
    customer: FromPath[str],
    actions: NamedDependency[Actions],
    caller: NamedDependency[ServiceCaller],
) -> Recorded:
    """End consents that a customer takes back; any service may say so, and it holds at once."""
    body = await read_body(request, WithdrawalElsewhere)
    said = structs.replace(
        _said(body, Method(body.method)),
        customer=customer_in_path(customer),
        acting=Acting(body.acting),
        actor=body.actor or "",
    )
    done = await actions.record_consent(caller, said, await attempt_of(request, caller))
    return recorded(done, await actions.receipt_after(caller, done.entry, customer_in_path(customer)))


@post(
    "/v1/me/withdrawals",
    status_code=200,
    opt=described(
        caller="customer",
        body=Withdrawal,
        writes=True,
        body_rule=ONE_PURPOSE_OR_SEVERAL,
        body_example=EXAMPLE,
        answer=Recorded,
        example=EXAMPLE_RECORDED,
        refusals=REFUSALS,
    ),
)
async def withdraw_as_customer(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]
) -> Recorded:
    """Take back one consent, all for marketing, or everything; it holds at once."""
    said = _said(await read_body(request, Withdrawal), Method.PORTAL)
    done = await actions.record_consent(me, said, await attempt_of(request, me))
    return recorded(done, await actions.receipt_after(me, done.entry, None))


def _said(body: Withdrawal, method: Method) -> Said:
    if isinstance(body.purpose, UnsetType) == isinstance(body.all, UnsetType):
        raise WrongKindError("name either one purpose or all of a kind", pointer="")
    if isinstance(body.all, Reach) and isinstance(body.channel, Channel):
        raise WrongKindError("a channel goes with one purpose", pointer="/channel")
    return Said(
        purpose=body.all if isinstance(body.all, Reach) else PurposeId(str(body.purpose)),
        status=Status.WITHDRAWN,
        method=method,
        channel=body.channel if isinstance(body.channel, Channel) else None,
    )
