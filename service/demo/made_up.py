"""Whom one can be in the demo's portal, and where its own pages are."""

from msgspec import Struct

PREFIX = "/demo"


class MadeUp(Struct, frozen=True):
    """Somebody of the sample company's customers, whom one can be."""

    name: str
    email: str
    about: str

    def __repr__(self) -> str:
        return f"MadeUp({self.name!r})"


PEOPLE = {
    "abbie": MadeUp("Abbie", "abbie@example.com", "She has told a lot, and her data was used for a year."),
    "noah": MadeUp("Noah", "noah@example.net", "He refuses everything that he is asked."),
    "nia": MadeUp("Nia", "nia@example.org", "She is new: nothing was decided yet."),
}
