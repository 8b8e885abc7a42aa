"""``/simulate``: what a service would see of her now, and if she chose otherwise. Nothing is sent or counted."""

from typing import Any, Literal

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from msgspec import Struct

from service.actions import Actions
from service.errors import WrongKindError
from service.model.catalogue import Catalogue
from service.model.situation import Asked, everybody
from service.model.suppositions import Answer, Supposed
from service.model.words import AttributeId
from service.portal.forms import read_query
from service.portal.pages import page as shown
from service.portal.reasons import sentence
from service.portal.visit import Visit
from service.usecases.sessions import refuse_weak


class Wondering(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who would look, ``service:purpose:channel``, or only for what purpose; and what she supposes."""

    who: str = ""
    purpose: str = ""
    answer: Answer | None = None
    told: Literal["yes"] | None = None
    paused: Literal["yes"] | None = None
    show: Literal["special"] | None = None
    """What can say something about her health or the like is shown only to whoever just proved that it is she."""

    @property
    def supposed(self) -> Supposed:
        """What she supposes."""
        return Supposed(answer=self.answer, only_told=True if self.told else None, paused=True if self.paused else None)

    @property
    def shown(self) -> dict[str, str]:
        """What an address says that asks the same, and to be shown everything."""
        return {**{name: said for name in self.__struct_fields__ if (said := getattr(self, name))}, "show": "special"}

    def asked(self, every: list[Asked]) -> Asked | None:
        """Return the question to simulate, None where she has not said which."""
        if self.who:
            return next((each for each in every if word_of(each) == self.who), None) or _none()
        return next((each for each in every if each.purpose == self.purpose), None)


def word_of(asked: Asked) -> str:
    """Return a question in one word."""
    return f"{asked.service}:{asked.purpose}:{asked.channel}"


def value_of(value: msgspec.Raw) -> Any:  # noqa: ANN401  whatever the attribute holds
    """Return a value as it is to be written: a text, a number, a yes or no, or several texts."""
    return msgspec.json.decode(value, type=str | int | float | bool | list[str] | None)


@get("/simulate")
async def page(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], visit: NamedDependency[Visit]
) -> Response[str]:
    """Return the page; nothing is entered, for nobody asked."""
    her, wondering = visit.her, read_query(request, Wondering)
    if wondering.show:
        refuse_weak(her)
    every = _in_order(visit.told)
    asked = wondering.asked(every)
    found = None if asked is None else await actions.simulate(her, asked, wondering.supposed)
    return shown(
        visit,
        "simulate.html",
        every=every,
        asked=asked,
        found=found,
        special=[] if asked is None else _special(visit.told, asked),
        wondering=wondering,
        catalogue=visit.told,
        word_of=word_of,
        value_of=value_of,
        sentence=sentence,
    )


def _in_order(catalogue: Catalogue) -> list[Asked]:
    """Return every question, those of one service together."""
    titles = catalogue.services
    return sorted(everybody(catalogue), key=lambda each: (titles[each.service].title, each.purpose, each.channel))


def _special(catalogue: Catalogue, asked: Asked) -> list[str]:
    """Return by their titles what is used only after a yes in so many words."""
    used = catalogue.services[asked.service].uses[asked.purpose].attributes
    return [each.title for id_ in used if (each := catalogue.attributes[AttributeId(id_)]).special]


def _none() -> Asked:
    raise WrongKindError(pointer="/who")
