"""The main job, through the door."""

from typing import Any

from tests.conftest import Api, Person


def wanted(person: Person, *attributes: str, **changes: Any) -> dict[str, Any]:
    return {
        "customer": {"id": person.at_recommender},
        "purpose": "personalise.recommendations",
        "channel": "web",
        "attributes": list(attributes),
        **changes,
    }


async def test_what_she_allows_is_released_and_the_rest_withheld_with_a_reason(api: Api, abbie: Person) -> None:
    answer = await api.post("/v1/releases", "recommender", wanted(abbie, "first_name", "birth_year"))
    assert answer["decision"] == "partial"
    assert answer["released"]["first_name"]["value"] == "Abbie"
    assert answer["withheld"] == [{"attribute": "birth_year", "reason": "demographic", "policy": "forbid.demographic"}]
