"""What a customer asks and is answered, sealed under her evidence key: it outlives her profile, as proof of both."""

from typing import Literal

from service.crypto.envelope import seal, unseal
from service.crypto.framing import Part
from service.crypto.keyring import OpenKey
from service.model.facts import Sealed
from service.model.questions import QuestionId
from service.model.words import CustomerId

Role = Literal["question", "answer"]


def seal_words(key: OpenKey, customer: CustomerId, id_: QuestionId, role: Role, text: str) -> Sealed:
    """Seal a question or an answer, bound to her and to each other."""
    return seal(key.key, text.encode(), _labels(key, customer, id_, role))


def open_words(
    key: OpenKey | None, customer: CustomerId, id_: QuestionId, role: Role, stored: tuple[str | None, Sealed | None]
) -> str | None:
    """Open a question or an answer; None where there is none, or where the key that sealed it is gone."""
    under, sealed = stored
    if key is None or sealed is None or key.id != under:
        return None
    return unseal(key.key, sealed, _labels(key, customer, id_, role)).decode()


def _labels(key: OpenKey, customer: CustomerId, id_: QuestionId, role: Role) -> list[Part]:
    return [role, customer, id_, key.id]
