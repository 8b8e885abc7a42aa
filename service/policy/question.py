"""What the engine is asked. A question is the whole input of an answer, so that answers can be remembered."""

from msgspec import Struct

from service.model.situation import Situation
from service.model.words import AttributeId, Provenance, PurposeId, ServiceId


class Question(Struct, frozen=True, kw_only=True):
    """May this service have a fact of this kind for this purpose, in this situation?"""

    service: ServiceId
    purpose: PurposeId
    attribute: AttributeId
    provenance: Provenance
    situation: Situation
