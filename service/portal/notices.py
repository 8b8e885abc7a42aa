"""``/notices/{purpose}/{version}``: what is shown for a purpose, for ever at one address, and what changed in it."""

import re
from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from service.errors import NotFoundError, UnknownNoticeError
from service.model.catalogue import Catalogue, Notice
from service.model.translation import nearest
from service.model.words import PurposeId
from service.portal.pages import page as shown
from service.portal.visit import Visit

WRITTEN = re.compile(r"[1-9][0-9]{0,5}")
"""A number in an address, in the one way in which we write it."""


@get("/notices/{purpose:str}/{version:str}")
async def page(
    request: Request[Any, Any, Any],
    purpose: FromPath[str],
    version: FromPath[str],
    visit: NamedDependency[Visit],
) -> Response[str]:
    """Return one version of a notice; ``from``: the version that it is compared with."""
    catalogue, id_ = visit.told, PurposeId(purpose)
    notice = _notice(catalogue, id_, _number_in(version), visit.language)
    earlier = request.query_params.get("from")
    before = None if not earlier else _notice(catalogue, id_, _number_in(earlier), notice.language)
    return shown(
        visit,
        "notice.html",
        notice=notice,
        before=before if before is not None and before.language == notice.language else None,
        versions=sorted({each.version for each in catalogue.notices_of(id_)}),
        in_force=catalogue.notice_in_force(id_),
        catalogue=catalogue,
    )


def _notice(catalogue: Catalogue, purpose: PurposeId, version: int, language: str) -> Notice:
    """Return a version of a notice in a language, else in that of the catalogue, else in the first there is."""
    written = {each.language: each for each in catalogue.notices_of(purpose) if each.version == version}
    if not written:
        raise UnknownNoticeError
    found = nearest(language, written) or nearest(catalogue.language, written) or min(written)
    return written[found]


def _number_in(text: str) -> int:
    """Return a number; raises NotFoundError for anything else, which is at no address of ours."""
    if not WRITTEN.fullmatch(text):
        raise NotFoundError
    return int(text)
