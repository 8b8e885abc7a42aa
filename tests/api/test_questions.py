"""She asks about a use of her data: sealed, entered, read and answered once, and shown to nobody else."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.app import House
from service.crypto.notes import Verifier
from service.database import opened
from service.errors import AlreadyAnsweredError, UnknownQuestionError
from service.model.callers import OperatorCaller
from service.model.identifiers import identifier
from service.model.questions import QuestionId
from service.model.words import CustomerId, IdentifierKind
from service.usecases import questions
from service.usecases.access import make_customer_token
from service.usecases.erasures import destroy_evidence
from tests.conftest import OPERATOR, Api, Owner, Person, Template, enrol, in_role
from tests.sealing import seal

ASKED = {"purpose": "personalise.recommendations", "channel": "web", "attributes": ["first_name", "birth_year"]}
TEXT = "Warum nachts? Zephyrine"
ANNA = OperatorCaller("anna", "ticket 12")
Sealing = Callable[[], Awaitable[Verifier]]


@pytest.fixture
def sealing(database_url: str, template: Template, tmp_path: Path) -> Sealing:
    """Lets the sequencer take in what waits."""
    return lambda: seal(database_url, template, tmp_path)


@pytest.fixture
async def token(house: House, abbie: Person) -> str:
    """Abbie's."""
    return await token_of(house, abbie)


async def token_of(house: House, person: Person) -> str:
    found_by = identifier(IdentifierKind.EMAIL, person.email)
    return (await make_customer_token(house.database, await house.keys(), OPERATOR, found_by, 5)).text


async def release(api: Api, abbie: Person) -> str:
    """Let the recommender use her data; returns the entry."""
    answer = await api.post("/v1/releases", "recommender", {"customer": {"id": abbie.at_recommender}, **ASKED})
    return str(answer["entry"])


async def asked(api: Api, token: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.call("GET", "/v1/me/questions", token)).json()["questions"]
    return found


async def test_a_question_is_received_read_by_a_person_and_answered(
    api: Api, house: House, abbie: Person, token: str, sealing: Sealing
) -> None:
    entry = await release(api, abbie)
    await sealing()
    (line,) = [
        each for each in (await api.call("GET", "/v1/me/use", token)).json()["uses"] if each["kind"] == "release"
    ]
    done = await api.post("/v1/me/questions", token, {"entry": entry, "text": TEXT})
    id_, keyring = QuestionId(done["question"]), await house.keys()
    (hers,) = await asked(api, token)
    assert (hers["state"], hers["text"], hers["about"]) == ("received", TEXT, "service:recommender")
    assert (hers["line"], hers["entry"], hers["answer_by"]) == (line["line"], entry, done["answer_by"])
    (waiting,) = await questions.unanswered(house.database)
    assert (waiting.id, waiting.answer_by - waiting.asked_at) == (id_, timedelta(days=30))
    found = await questions.read(house.database, keyring, ANNA, id_)
    assert (found.text, found.answer) == (TEXT, None)
    assert found.use is not None
    assert (found.use.actor, found.use.released, found.use.refused) == (
        "service:recommender",
        ["first_name"],
        ["birth_year"],
    )
    assert [each["state"] for each in await asked(api, token)] == ["read"]
    await questions.answer(house.database, keyring, ANNA, id_, "Picks are made at night.")
    (hers,) = await asked(api, token)
    assert (hers["state"], hers["answer"]) == ("answered", "Picks are made at night.")
    assert await questions.unanswered(house.database) == []
    with pytest.raises(AlreadyAnsweredError):
        await questions.answer(house.database, keyring, ANNA, id_, "Or not.")
    assert (await asked(api, token))[0]["answer"] == "Picks are made at night."


async def test_each_look_and_each_answer_is_in_her_ledger_and_no_word_of_hers_is(
    api: Api, house: House, abbie: Person, token: str, owner: Owner
) -> None:
    body = {"entry": await release(api, abbie), "text": TEXT}
    id_, keyring = QuestionId((await api.post("/v1/me/questions", token, body))["question"]), await house.keys()
    await questions.read(house.database, keyring, ANNA, id_)
    await questions.answer(house.database, keyring, ANNA, id_, TEXT)
    kinds = await owner.fetch(
        "SELECT kind, actor FROM queue WHERE kind IN ('question', 'look-up', 'question-answered')"
    )
    assert [tuple(row) for row in kinds][-3:] == [
        ("question", "customer"),
        ("look-up", "operator:anna"),
        ("question-answered", "operator:anna"),
    ]
    dump = "".join([str(dict(row)) for table in ("question", "queue") for row in await owner.fetch(f"TABLE {table}")])
    assert "Zephyrine" not in dump


async def test_she_asks_about_a_line_and_need_not_say_what(
    api: Api, house: House, abbie: Person, token: str, sealing: Sealing
) -> None:
    await release(api, abbie)
    await sealing()
    lines = (await api.call("GET", "/v1/me/use", token)).json()["uses"]
    for line in lines:
        await api.post("/v1/me/questions", token, {"line": line["line"]})
    found = await asked(api, token)
    assert [each["about"] for each in found] == [each["by"] for each in reversed(lines)]
    assert {each["text"] for each in found} == {""}
    pages, cursor = [], ""
    for _ in lines:
        page = (await api.call("GET", f"/v1/me/questions?limit=1{cursor}", token)).json()
        pages += page["questions"]
        cursor = f"&cursor={page.get('next')}"
    assert pages == found


async def test_what_is_not_hers_or_no_use_cannot_be_asked_about(
    api: Api, house: House, abbie: Person, token: str, owner: Owner, sealing: Sealing
) -> None:
    bo = await enrol(api, "bo@example.com", {})
    theirs = await token_of(house, bo)
    entry = await release(api, abbie)
    await sealing()
    (line, *_) = (await api.call("GET", "/v1/me/use", token)).json()["uses"]
    consent = await owner.fetchval("SELECT entry FROM consent_event LIMIT 1")
    for caller, body, code in (
        (theirs, {"entry": entry}, "unknown-entry"),
        (theirs, {"line": line["line"]}, "unknown-use"),
        (token, {"entry": consent}, "unknown-entry"),
        (token, {"entry": "ent_" + "0" * 26}, "unknown-entry"),
        (token, {"line": "A" * 56}, "unknown-use"),
        (token, {}, "wrong-kind"),
        (token, {"entry": entry, "line": line["line"]}, "wrong-kind"),
    ):
        answer = await api.call("POST", "/v1/me/questions", caller, body)
        assert answer.json()["code"] == code, body
    assert await owner.fetchval("SELECT count(*) FROM question") == 0
    await api.post("/v1/me/questions", token, {"entry": entry, "text": TEXT})
    assert await asked(api, theirs) == []


async def test_a_question_put_in_the_place_of_another_does_not_open(
    api: Api, house: House, abbie: Person, token: str, owner: Owner
) -> None:
    entry = await release(api, abbie)
    ids = [(await api.post("/v1/me/questions", token, {"entry": entry, "text": t}))["question"] for t in ("one", "two")]
    await owner.execute("UPDATE question SET sealed = (SELECT sealed FROM question WHERE id = $1) WHERE id = $2", *ids)
    answer = await api.call("GET", "/v1/me/questions", token)
    assert (answer.status_code, answer.json()["code"]) == (500, "integrity")


async def test_after_her_evidence_is_destroyed_nobody_reads_what_she_asked(
    api: Api, house: House, abbie: Person, token: str, sealing: Sealing, superuser_url: str
) -> None:
    id_ = (await api.post("/v1/me/questions", token, {"entry": await release(api, abbie), "text": TEXT}))["question"]
    await sealing()
    async with house.database.connection() as connection:
        hers: CustomerId = await connection.fetchval("SELECT customer FROM pairwise WHERE id = $1", abbie.at_shop)
    async with opened(in_role(superuser_url, "byleave_sequencer")) as log:
        await destroy_evidence(log, OPERATOR, hers)
    assert (await questions.read(house.database, await house.keys(), ANNA, QuestionId(id_))).text is None
    assert "text" not in (await asked(api, token))[0]


async def test_twenty_questions_wait_at_most_and_one_that_is_answered_makes_room(
    api: Api, house: House, abbie: Person, token: str, owner: Owner
) -> None:
    entry = await release(api, abbie)
    ids = [(await api.post("/v1/me/questions", token, {"entry": entry}))["question"] for _ in range(20)]
    before = await owner.fetchval("SELECT count(*) FROM queue")
    answer = await api.call("POST", "/v1/me/questions", token, {"entry": entry})
    assert (answer.status_code, answer.json()["code"]) == (409, "too-many-questions")
    assert await owner.fetchval("SELECT count(*) FROM queue") == before
    await questions.answer(house.database, await house.keys(), ANNA, QuestionId(ids[0]), "So.")
    await api.post("/v1/me/questions", token, {"entry": entry})


async def test_who_looks_for_a_question_that_there_is_not_is_told_so(house: House) -> None:
    for act in (
        questions.read(house.database, await house.keys(), ANNA, QuestionId("qst_x")),
        questions.answer(house.database, await house.keys(), ANNA, QuestionId("qst_x"), "x"),
    ):
        with pytest.raises(UnknownQuestionError):
            await act
