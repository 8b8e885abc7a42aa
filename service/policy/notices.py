"""Reading notices: Markdown with a title and a word on whether it asks more than the one before.

::

    +++
    title = "..."
    material = true
    +++
    The text as the person is shown it.
"""

import hashlib
import re
import tomllib
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from service.model.catalogue import Notice
from service.model.translation import Text
from service.model.words import PurposeId
from service.policy.bundle import Bundle

FILE = re.compile(r"notices/(?P<purpose>[^/]+)/(?P<version>[1-9][0-9]{0,5})\.(?P<language>[a-z]{2}(?:-[A-Z]{2})?)\.md")
FRONT = re.compile(r"\A\+\+\+\n(?P<front>.*?)^\+\+\+\n(?P<text>.*)\Z", re.DOTALL | re.MULTILINE)


class Front(Struct, frozen=True, forbid_unknown_fields=True):
    """What stands between the ``+++`` lines."""

    title: Text
    material: bool


def notices_in(bundle: Bundle) -> Iterator[Notice | str]:
    """Read every notice; a file that is none comes out as a fault."""
    for path in sorted(bundle.files):
        if path.startswith("notices/"):
            yield _notice(path, bundle.files[path])


def path_of(notice: Notice) -> str:
    """Return the file that a notice was read from."""
    return f"notices/{notice.purpose}/{notice.version}.{notice.language}.md"


def _notice(path: str, content: str) -> Notice | str:
    name, parts = FILE.fullmatch(path), FRONT.match(content)
    if name is None:
        return f"{path}: a notice is named <purpose>/<version>.<language>.md"
    if parts is None:
        return f"{path}: must begin with a title and `material` between two lines of +++"
    text = parts["text"].strip()
    if not text:
        return f"{path}: has no text"
    try:
        front = msgspec.convert(tomllib.loads(parts["front"]), Front, strict=True)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        return f"{path}: {error}"
    return Notice(
        purpose=PurposeId(name["purpose"]),
        version=int(name["version"]),
        language=name["language"],
        material=front.material,
        title=front.title,
        text=text,
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )
