"""What Schemathesis reports and is right as it is. Schemathesis loads this as its hooks.

Its promise is that data of a documented form are accepted. Here is each place of which a schema cannot say what it
takes, and why; at any other place a refusal of such data is a finding.
"""

import re
from typing import Any

import schemathesis
from schemathesis import Case
from schemathesis.core.failures import Failure
from schemathesis.core.transport import Response
from schemathesis.openapi.checks import EnsureResourceAvailability, MissingHeaderNotRejected, RejectedPositiveData

from service.api.attempts import STRING
from tests.contract.judge import judge_of_body

PRECONDITION_REQUIRED = 428
OF_EARLIER_REQUESTS = {
    # Whether a key was used before with another body is not in the request.
    "idempotency-key-reused",
    # Nor is whether somebody changed it since, or when the notice was shown.
    "precondition-failed",
    "snapshot-expired",
}
NO_SCHEMA_CAN_SAY = {
    # Of which kind an identifier was verified can only be one of those that are sent.
    re.compile(r"/verified/\d+"): ("wrong-kind",),
    # What is an e-mail address, a phone or a loyalty number is a matter of UTS 46, numbering plans and NFKC.
    re.compile(r"/(customer|customers/[0-9]+|identifiers)/(email|phone|loyalty)"): ("wrong-kind",),
    # A time lies after 1970 and not in the future of this moment.
    re.compile(r"/given_at|/facts/\d+/as_of|/since|/until|/at"): ("wrong-kind",),
    # What an attribute takes is said in the company's catalogue.
    re.compile(r"/facts/\d+/value|/preferences/\d+/value"): ("wrong-kind",),
    # A pause ends in the future of this moment, and which time zones there are is a matter of the tz database.
    re.compile(r"/value|/quiet_hours"): ("wrong-kind",),
    # That no preference stands twice is a matter of one of its fields.
    re.compile(r"/preferences/\d+/attribute"): ("wrong-kind",),
    # A snapshot is signed for one screen.
    re.compile(r"/snapshot"): ("bad-snapshot",),
    # That of several parameters at least one is there: of no kind of fact that is meant, nothing is.
    re.compile(r""): ("missing-field",),
    # A cursor is signed for one customer and one list.
    re.compile(r"/cursor"): ("bad-cursor",),
}


@schemathesis.hook
def filter_failure(context: Any, failure: Failure, case: Case[Any], response: Response) -> bool:
    """Keep what is a finding."""
    if isinstance(failure, RejectedPositiveData):
        return not (_is_excepted(response.json(), case) or _is_not_as_documented(case))
    if isinstance(failure, MissingHeaderNotRejected):
        # Of a condition that is missing RFC 6585 has a status of its own.
        return response.status_code != PRECONDITION_REQUIRED
    if isinstance(failure, EnsureResourceAvailability):
        # Here 404 also says that a word of the body is not in the catalogue.
        return bool(response.json()["code"] == "unknown-customer")
    return True


def _is_excepted(problem: Any, case: Case[Any]) -> bool:
    pointer, code = problem.get("pointer", ""), problem["code"]
    if code in OF_EARLIER_REQUESTS:
        return True
    if code == "bad-idempotency-key":
        # Values that the pattern forbids, such as a bare ``null``, are taken for good ones in a header.
        sent = dict(case.headers or {}).get("Idempotency-Key", "")
        return STRING.fullmatch(str(sent)) is None
    for place, codes in NO_SCHEMA_CAN_SAY.items():
        if place.fullmatch(pointer) and code in codes:
            return True
    return code == "wrong-kind" and _is_whole_float(case.body, pointer)


def _is_not_as_documented(case: Case[Any]) -> bool:
    """Whether words drawn from a dictionary, which come last, made of a documented body one that is not."""
    return case.method in {"POST", "PUT"} and not judge_of_body(case.path, case.method).is_valid(case.body)


def _is_whole_float(body: Any, pointer: str) -> bool:
    """Whether a whole number was written as ``1.0``, an integer to JSON Schema, and to most languages none."""
    for step in pointer.split("/")[1:]:
        body = body[int(step)] if isinstance(body, list) else body[step]
    return isinstance(body, float) and body.is_integer()
