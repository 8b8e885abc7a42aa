"""After a dispute neither a fact nor anything built on it is in any answer, nor does it come back (K-26)."""

from collections.abc import Sequence
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from service.crypto.keyring import Keyring
from service.database import Database
from tests.conftest import Api, allow, enrol
from tests.examples import some
from tests.striking import AS_OF, GUESS, SEEN, Her, Json, Node, her

NUMBERS = count()
SEEN_AS: list[tuple[str, object]] = [(SEEN, ["art"]), ("last_destination", "Whitby"), ("orders_this_year", 3)]
GUESSED_AS: list[tuple[str, object]] = [(GUESS, ["crime"]), ("likely_household", "family"), ("value_tier", "gold")]
ATTRIBUTES = [attribute for attribute, _ in (*SEEN_AS, *GUESSED_AS)]


class Graph(Struct, frozen=True):
    """What is known of somebody, each after what it was built on; and which of it she disputes."""

    nodes: tuple[Node, ...]
    which: dict[str, str]

    def gone(self) -> set[str]:
        """Return the names of what a dispute takes: reckoned in another way than the service does."""
        gone: set[str] = set()
        for node in self.nodes:
            said = {"attribute": node.attribute, "provenance": node.provenance, "source": node.source, "since": AS_OF}
            said["category"] = CATEGORY[node.attribute]
            if all(said[key] == value for key, value in self.which.items()) or gone & set(node.parents):
                gone.add(node.name)
        return gone


CATEGORY = dict(zip(ATTRIBUTES, ["taste", "history", "history", "taste", "life", "money"], strict=True))


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Draw some facts that were seen, some that were guessed from any before them, and a dispute of some."""
    nodes: dict[str, Node] = {}
    for number in range(draw(st.integers(1, 4))):
        attribute, value = draw(st.sampled_from(SEEN_AS))
        node = Node(attribute, "observed", f"o{number}", value)
        nodes[node.name] = node
    for number in range(draw(st.integers(0, 7))):
        attribute, value = draw(st.sampled_from(GUESSED_AS))
        parents = draw(st.sets(st.sampled_from(sorted(nodes)), min_size=1, max_size=3))
        node = Node(attribute, "inferred", f"g{number}", value, tuple(sorted(parents)), "recommender")
        nodes[node.name] = node
    one = draw(st.sampled_from(list(nodes.values())))
    respects = {"attribute": one.attribute, "provenance": one.provenance, "source": one.source}
    ways: list[dict[str, str]] = [
        respects,
        {"source": one.source},
        {"attribute": one.attribute},
        {"category": CATEGORY[one.attribute]},
        {"provenance": one.provenance},
        {"since": AS_OF, "attribute": one.attribute},
    ]
    return Graph(tuple(nodes.values()), draw(st.sampled_from(ways)))


async def contribute(somebody: Her, nodes: Sequence[Node]) -> list[Json]:
    """Let each service say what it says, all at once."""
    said = [[each for each in nodes if each.service == service] for service in ("shop", "recommender")]
    return [await somebody.contribute(each, each[0].service) for each in said if each]


async def seen_by_anybody(somebody: Her) -> set[tuple[str, str]]:
    """Return attribute and source of all that any answer shows, to her and to services."""
    shown = {(each["attribute"], each["source"]) for each in (await somebody.known()).values()}
    for service in ("recommender", "shop"):
        answer = await somebody.release(service, "personalise.recommendations", "web", *ATTRIBUTES)
        shown |= {(attribute, each["source"]) for attribute, each in answer["released"].items()}
    return shown


async def _holds(api: Api, database: Database, keyring: Keyring, graph: Graph) -> None:
    person = await enrol(api, f"zephyrine{next(NUMBERS)}@example.com", {})
    await allow(api, person)
    somebody = await her(api, person, database, keyring)
    await somebody.choose("inferred", "yes")
    await contribute(somebody, graph.nodes)
    before, gone = await somebody.known(), graph.gone()
    everything = {each.name for each in graph.nodes}
    hidden = {(each.attribute, each.source) for each in graph.nodes if each.name in gone}
    answer = await somebody.dispute(**graph.which)
    assert answer["meant"] + answer["built_on"] == len(gone)
    assert hidden.isdisjoint(await seen_by_anybody(somebody))
    answers = await contribute(somebody, graph.nodes)
    assert sum(len(each.get("not_kept", [])) for each in answers) == len(gone)
    alone = next((each for each in reversed(graph.nodes) if each.name in gone), graph.nodes[-1])
    await somebody.contribute([alone], alone.service)
    assert hidden.isdisjoint(await seen_by_anybody(somebody))
    assert everything - (await somebody.known()).keys() == gone
    await somebody.undo(answer["entry"])
    assert await somebody.known() == before


@given(graph=graphs())
@some(20)
async def test_neither_what_is_disputed_nor_what_was_built_on_it_is_in_any_answer(
    api: Api, database: Database, keyring: Keyring, graph: Graph
) -> None:
    await _holds(api, database, keyring, graph)


@pytest.mark.soak
@given(graph=graphs())
@settings(max_examples=1000)
async def test_that_holds_of_a_thousand_graphs(api: Api, database: Database, keyring: Keyring, graph: Graph) -> None:
    await _holds(api, database, keyring, graph)
