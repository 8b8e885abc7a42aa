"""``/v1/purposes`` and ``/v1/notices``: what this company asks for, in the customer's words."""

from typing import Annotated, Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta, Struct

from service.actions import Actions
from service.api.bodies import read_query
from service.api.described import described
from service.api.wire import notice_in_path
from service.errors import UnknownNoticeError
from service.model.callers import ServiceCaller
from service.model.catalogue import Catalogue
from service.model.catalogue import Notice as CataloguedNotice
from service.model.catalogue import Purpose as CataloguedPurpose
from service.model.translation import Language
from service.model.words import Basis, Channel, PurposeId


class Purpose(Struct, frozen=True, kw_only=True):
    """One reason for processing."""

    id: Annotated[str, Meta(description="The word by which calls name it.")]
    title: Annotated[str, Meta(description="What it is called, to the customer.")]
    text: Annotated[str, Meta(description="What is done, to the customer.")]
    basis: Basis
    dpv: Annotated[str, Meta(description="The purpose in the W3C Data Privacy Vocabulary.")]
    channels: list[Channel]
    attributes: Annotated[dict[str, str], Meta(description="Attribute to why it is needed.")]
    since: Annotated[
        dict[str, int],
        Meta(description="Attribute to the notice since which a yes lets this service use it, if not the first."),
    ]
    benefit: Annotated[str, Meta(description="What she gets from a yes.")]
    consequence: Annotated[str, Meta(description="What a no means for her.")]
    recipients: Annotated[list[str], Meta(description="The services that use it.")]
    retention_days: Annotated[int, Meta(description="How long what was used may be kept.")]
    third_party: Annotated[bool, Meta(description="Whether an outside company gets data.")]
    notice: Annotated[int, Meta(description="The version of the notice in force; 0 when there is none.")]


class PurposesQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """In which language; what is not translated is in that of the catalogue."""

    language: Language | None = None


class Purposes(Struct, frozen=True):
    """Every purpose of this company."""

    purposes: list[Purpose]


class NoticeQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """In which language."""

    language: Language = "en"


class Notice(Struct, frozen=True, kw_only=True):
    """The text a person is shown for a purpose. ``digest``: SHA-256 of the text, hexadecimal."""

    purpose: str
    version: int
    language: str
    material: bool
    title: str
    text: str
    digest: str
    in_force: bool
    languages: list[str]


EXAMPLE_PURPOSE = Purpose(
    id="personalise.recommendations",
    title="Recommendations",
    text="We suggest books and trips that fit what you told us.",
    basis=Basis.CONSENT,
    dpv="https://w3id.org/dpv#ProvidePersonalisedRecommendations",
    channels=[Channel.WEB],
    attributes={
        "favourite_genres": "To suggest books you may like.",
        "last_destination": "To suggest trips that follow on from your last journey.",
    },
    since={"last_destination": 2},
    benefit="Suggestions that fit you.",
    consequence="You see the same suggestions as everybody.",
    recipients=["recommender"],
    retention_days=365,
    third_party=False,
    notice=2,
)
EXAMPLE_NOTICE = Notice(
    purpose="personalise.recommendations",
    version=1,
    language="en",
    material=True,
    title="Recommendations",
    text="May we use the genres you like to suggest books?",
    digest="0" * 64,
    in_force=True,
    languages=["en"],
)


@get(
    "/v1/purposes",
    opt=described(caller="service", answer=Purposes, example=Purposes([EXAMPLE_PURPOSE]), query=PurposesQuery),
)
async def purposes(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], caller: NamedDependency[ServiceCaller]
) -> Purposes:
    """Return every purpose in force, for any service with a key."""
    catalogue = (await actions.catalogue()).told_in(read_query(request, PurposesQuery).language or "")
    return Purposes([_purpose(catalogue, purpose, caller) for _, purpose in sorted(catalogue.purposes.items())])


@get(
    "/v1/notices/{purpose:str}/{version:str}",
    opt=described(
        caller="anyone",
        answer=Notice,
        example=EXAMPLE_NOTICE,
        refusals=(UnknownNoticeError,),
        query=NoticeQuery,
    ),
)
async def notice(
    request: Request[Any, Any, Any], purpose: FromPath[str], version: FromPath[str], actions: NamedDependency[Actions]
) -> Notice:
    """Return the text of one version of a notice, in one language; public and permanent."""
    number, language = notice_in_path(version), read_query(request, NoticeQuery).language
    catalogue = await actions.catalogue()
    found = catalogue.notices.get((PurposeId(purpose), number, language))
    if found is None:
        raise UnknownNoticeError
    return _notice(catalogue, found)


def _since(catalogue: Catalogue, purpose: CataloguedPurpose, caller: ServiceCaller) -> dict[str, int]:
    service = catalogue.services.get(caller.service)
    use = None if service is None else service.uses.get(purpose.id)
    named = 1 if use is None else use.since
    since = {id_: max(needed.since, named) for id_, needed in purpose.attributes.items()}
    return {id_: version for id_, version in since.items() if version > 1}


def _purpose(catalogue: Catalogue, purpose: CataloguedPurpose, caller: ServiceCaller) -> Purpose:
    return Purpose(
        id=purpose.id,
        title=purpose.title,
        text=purpose.text,
        basis=purpose.basis,
        dpv=purpose.dpv,
        channels=list(purpose.channels),
        attributes={id_: needed.why for id_, needed in purpose.attributes.items()},
        since=_since(catalogue, purpose, caller),
        benefit=purpose.benefit,
        consequence=purpose.consequence,
        recipients=sorted(s.recipient for s in catalogue.services.values() if purpose.id in s.uses),
        retention_days=purpose.retention_days,
        third_party=purpose.third_party,
        notice=catalogue.notice_in_force(PurposeId(purpose.id)),
    )


def _notice(catalogue: Catalogue, found: CataloguedNotice) -> Notice:
    return Notice(
        purpose=found.purpose,
        version=found.version,
        language=found.language,
        material=found.material,
        title=found.title,
        text=found.text,
        digest=found.digest,
        in_force=found.version == catalogue.notice_in_force(found.purpose),
        languages=[n.language for n in catalogue.notices_of(found.purpose) if n.version == found.version],
    )
