"""``/v1/me/questions``: what she asks about a use of her data, and what she is answered."""

from datetime import UTC, datetime
from typing import Annotated, Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from msgspec import UNSET, Meta, Struct, UnsetType

from service.actions import Actions
from service.api.attempts import attempt_of
from service.api.bodies import read_body, read_query
from service.api.described import described
from service.api.wire import EntryWord, Instant, LineWord, PageQuery
from service.errors import BadCursorError, TooManyQuestionsError, UnknownEntryError, UnknownUseError, WrongKindError
from service.model.callers import CustomerCaller
from service.model.questions import LONGEST, State
from service.model.words import EntryId
from service.usecases.questions import Asking, Hers

EXACTLY_ONE_USE = {"oneOf": [{"required": ["line"]}, {"required": ["entry"]}]}
About = Annotated[str, Meta(description="Whose use it is about: a service, or an operator.")]


class HerQuestion(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A question about a line of use, or about one entry of it; what she wants to know, if she says."""

    line: LineWord | UnsetType = UNSET
    entry: EntryWord | UnsetType = UNSET
    text: Annotated[str, Meta(min_length=1, max_length=LONGEST)] | UnsetType = UNSET

    def __repr__(self) -> str:  # what she asks is hers
        return "HerQuestion()"


class QuestionReceived(Struct, frozen=True):
    """A question was received, and is answered until a time."""

    question: str
    answer_by: Instant
    version: int
    entry: str


class QuestionAsked(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A question of hers: received, read by a person, or answered. The text is absent where its key is gone."""

    question: str
    about: About
    state: State
    asked_at: Instant
    answer_by: Instant
    line: str | None = None
    entry: str | None = None
    text: str | None = None
    answered_at: Instant | None = None
    answer: str | None = None

    def __repr__(self) -> str:  # what she asks is hers
        return f"QuestionAsked({self.question!r})"


class QuestionsAsked(Struct, frozen=True, omit_defaults=True):
    """A page of her questions, newest first. ``next`` is the cursor of the page after it."""

    questions: list[QuestionAsked]
    next: str | None = None


AT, BY = datetime(2026, 11, 2, 10, tzinfo=UTC), datetime(2026, 12, 2, 10, tzinfo=UTC)
QUESTION, ENTRY = "qst_01K9Z6V7W8X9Y0Z1A2B3C4D5E6", "ent_01K9Z6V7W8X9Y0Z1A2B3C4D5E6"
EXAMPLE = QuestionsAsked(
    [
        QuestionAsked(
            question=QUESTION,
            about="service:recommender",
            state=State.ANSWERED,
            asked_at=AT,
            answer_by=BY,
            entry=ENTRY,
            text="Why at night?",
            answered_at=AT,
            answer="Picks for the next day are made at night.",
        )
    ]
)


@post(
    "/v1/me/questions",
    status_code=200,
    opt=described(
        caller="customer",
        body=HerQuestion,
        writes=True,
        body_rule=EXACTLY_ONE_USE,
        body_example=HerQuestion(entry=ENTRY, text="Why at night?"),
        answer=QuestionReceived,
        example=QuestionReceived(QUESTION, BY, 43, ENTRY),
        refusals=(TooManyQuestionsError, UnknownEntryError, UnknownUseError),
    ),
)
async def ask(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]
) -> QuestionReceived:
    """Ask about a use of her data; whoever is responsible for it answers, and she sees that here."""
    body = await read_body(request, HerQuestion)
    if isinstance(body.line, UnsetType) == isinstance(body.entry, UnsetType):
        raise WrongKindError("name either a line or an entry", pointer="")
    asking = Asking(
        line=body.line if isinstance(body.line, str) else None,
        entry=EntryId(body.entry) if isinstance(body.entry, str) else None,
        text=body.text.strip() if isinstance(body.text, str) else "",
    )
    asked = await actions.ask(me, asking, await attempt_of(request, me))
    return QuestionReceived(asked.id, asked.answer_by, asked.version, asked.entry)


@get(
    "/v1/me/questions",
    opt=described(
        caller="customer", answer=QuestionsAsked, example=EXAMPLE, query=PageQuery, refusals=(BadCursorError,)
    ),
)
async def my_questions(
    request: Request[Any, Any, Any], actions: NamedDependency[Actions], me: NamedDependency[CustomerCaller]
) -> QuestionsAsked:
    """Return what she asked about uses of her data, how far that has got, and what she was answered."""
    query = read_query(request, PageQuery)
    page = await actions.questions(me, query.cursor, query.limit)
    return QuestionsAsked([_question(each) for each in page.questions], page.next)


def _question(each: Hers) -> QuestionAsked:
    return QuestionAsked(
        question=each.id,
        about=each.actor,
        state=each.state,
        asked_at=each.asked_at,
        answer_by=each.answer_by,
        line=each.line,
        entry=each.entry,
        text=each.text,
        answered_at=each.answered_at,
        answer=each.answer,
    )
