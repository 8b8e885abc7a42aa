"""The client package: ask for what a customer allows, and take every failure as "no data".

Stands alone: it needs ``httpx`` and ``msgspec`` and nothing else of this repository, so it can be vendored.
"""

from service.client.answers import Answer, Customer, Decision, Fact, NotWrittenError, Value, Withheld, Written
from service.client.client import Byleave

__all__ = ["Answer", "Byleave", "Customer", "Decision", "Fact", "NotWrittenError", "Value", "Withheld", "Written"]
