"""Asking about a use of her data: the customer asks, an operator reads and answers, and both is in her ledger."""

from datetime import datetime

import msgspec
from msgspec import Struct

from service.crypto.cursors import line_of, line_word, name_cursor, name_of
from service.crypto.framing import Part
from service.crypto.keyring import Keyring, OpenKey
from service.crypto.questions import open_words, seal_words
from service.crypto.random import sortable_id
from service.database import Connection, Database
from service.errors import (
    AlreadyAnsweredError,
    IntegrityError,
    TooManyQuestionsError,
    UnknownEntryError,
    UnknownQuestionError,
    UnknownUseError,
)
from service.model.callers import CustomerCaller, OperatorCaller
from service.model.ledger import Aborted, AnsweredHer, AskedAbout, Checked, LookedUp, Released, entry
from service.model.questions import ANSWERED_WITHIN, MOST_OPEN, Question, QuestionId, State
from service.model.uses import Line
from service.model.words import CustomerId, EntryId
from service.storage import access, bodies, customers, evidence, ledger, questions, uses

MOST = 1_000
"""Questions that an operator is shown at most."""


class Asking(Struct, frozen=True, kw_only=True):
    """What she asks about: a line of use by her word for it, or one entry. Its repr hides the text."""

    line: str | None = None
    entry: EntryId | None = None
    text: str = ""

    def __repr__(self) -> str:
        return "Asking()"


class Asked(Struct, frozen=True):
    """That a question is received, and until when it is answered."""

    id: QuestionId
    answer_by: datetime
    version: int
    entry: EntryId


class Hers(Struct, frozen=True, kw_only=True):
    """A question as she sees it; its repr hides what was asked and answered. ``text``: None where its key is gone."""

    id: QuestionId
    actor: str
    line: str | None
    entry: EntryId | None
    state: State
    asked_at: datetime
    answer_by: datetime
    text: str | None
    answered_at: datetime | None
    answer: str | None

    def __repr__(self) -> str:
        return f"Hers({self.id!r})"


class Page(Struct, frozen=True):
    """A page of questions, newest first, and the cursor of the next."""

    questions: list[Hers]
    next: str | None


class Read(Struct, frozen=True):
    """A question as an operator reads it: what it is about, and her words; its repr hides them."""

    question: Question
    use: Line | None
    text: str | None
    answer: str | None

    def __repr__(self) -> str:
        return f"Read({self.question.id!r})"


async def ask(database: Database, keyring: Keyring, caller: CustomerCaller, asking: Asking) -> Asked:
    """Take a question about a use of hers.

    Raises UnknownUseError for a line that is not hers, UnknownEntryError for an entry that is not hers, or no use, and
    TooManyQuestionsError where too many wait for an answer.
    """
    async with database.transaction() as connection:
        await access.refuse_ended(connection, caller)
        actor, line = await _about(connection, keyring, caller, asking)
        change = await customers.bump(connection, caller.customer)
        if await questions.waiting_of(connection, caller.customer) >= MOST_OPEN:
            raise TooManyQuestionsError
        key = await _key(connection, keyring, caller.customer)
        id_ = QuestionId(sortable_id("qst", change.now))
        question = Question(
            id=id_,
            customer=caller.customer,
            actor=actor,
            line=line,
            entry=asking.entry or "",
            asked_at=change.now,
            answer_by=change.now + ANSWERED_WITHIN,
            key=key.id,
            sealed=seal_words(key, caller.customer, id_, "question", asking.text),
        )
        await questions.put(connection, question)
        line_id, act = ledger.new_entry_id(change.now), AskedAbout(question=id_, about=actor)
        await ledger.append(connection, keyring, entry(line_id, caller.customer, caller, change.now, act))
    return Asked(id_, question.answer_by, change.version, line_id)


async def hers(database: Database, keyring: Keyring, caller: CustomerCaller, after: str | None, most: int) -> Page:
    """Return her questions, newest first, and what she was answered."""
    about: list[Part] = ["questions", caller.customer]
    before = questions.NEWEST if after is None else name_of(keyring, after, about).decode("ascii", "replace")
    async with database.snapshot() as connection:
        found = await questions.of_customer(connection, caller.customer, before, most + 1)
        key = await _key_if_any(connection, keyring, caller.customer)
    page = found[:most]
    more = name_cursor(keyring, page[-1].id.encode(), about) if len(found) > most else None
    return Page([_hers(keyring, key, each) for each in page], more)


async def unanswered(database: Database) -> list[Question]:
    """Return what waits for an answer, oldest first: nothing is opened, and it names nobody."""
    async with database.connection() as connection:
        return await questions.unanswered(connection, MOST)


async def read(database: Database, keyring: Keyring, caller: OperatorCaller, id_: QuestionId) -> Read:
    """Open a question for an operator: it is read from now on, and an entry of hers. Raises UnknownQuestionError."""
    async with database.transaction() as connection:
        found = await _found(connection, id_)
        now = await customers.clock(connection)
        await questions.mark_read(connection, id_, now)
        use = None if found.line is None else await uses.line(connection, found.customer, found.line)
        key = await _key_if_any(connection, keyring, found.customer)
        act = LookedUp(what="question", reason=caller.reason)
        await ledger.append(connection, keyring, entry(ledger.new_entry_id(now), found.customer, caller, now, act))
    return Read(found, use, *_opened(key, found))


async def answer(database: Database, keyring: Keyring, caller: OperatorCaller, id_: QuestionId, text: str) -> EntryId:
    """Answer a question, once; returns the entry. Raises UnknownQuestionError or AlreadyAnsweredError."""
    async with database.transaction() as connection:
        found = await _found(connection, id_)
        change = await customers.bump(connection, found.customer)
        key = await _key(connection, keyring, found.customer)
        sealed = seal_words(key, found.customer, id_, "answer", text)
        if not await questions.answer(connection, id_, change.now, key.id, sealed):
            raise AlreadyAnsweredError
        entered = ledger.new_entry_id(change.now)
        act = AnsweredHer(question=id_)
        await ledger.append(connection, keyring, entry(entered, found.customer, caller, change.now, act))
    return entered


async def _about(
    connection: Connection, keyring: Keyring, caller: CustomerCaller, asking: Asking
) -> tuple[str, int | None]:
    """Return whose use it is, and in which line of use it is counted."""
    if asking.line is not None:
        line = await uses.line(connection, caller.customer, line_of(keyring, caller.customer, asking.line))
        if line is None:
            raise UnknownUseError(pointer="/line")
        return line.actor, line.line
    found = None
    if asking.entry is not None:
        found = await bodies.one(connection, keyring, caller.customer, asking.entry)
    if found is None or asking.entry is None or not _is_use(found.body.act):
        raise UnknownEntryError(pointer="/entry")
    return found.body.actor, await questions.line_of(connection, caller.customer, asking.entry)


def _is_use(act: msgspec.Raw) -> bool:
    try:
        msgspec.json.decode(act, type=Released | Checked | Aborted | LookedUp)
    except msgspec.ValidationError:
        return False
    return True


async def _found(connection: Connection, id_: QuestionId) -> Question:
    found = await questions.one(connection, id_)
    if found is None:
        raise UnknownQuestionError
    return found


async def _key(connection: Connection, keyring: Keyring, customer: CustomerId) -> OpenKey:
    key = (await evidence.keys_for(connection, keyring, [customer]))[customer]
    if key is None:
        raise IntegrityError("an evidence key does not open")
    return key


async def _key_if_any(connection: Connection, keyring: Keyring, customer: CustomerId) -> OpenKey | None:
    key = await evidence.key_of(connection, customer)
    return None if key is None else keyring.open_evidence_key(customer, key)


def _opened(key: OpenKey | None, question: Question) -> tuple[str | None, str | None]:
    """Return what was asked, and what was answered."""
    about = question.customer, question.id
    return (
        open_words(key, *about, "question", (question.key, question.sealed)),
        open_words(key, *about, "answer", (question.answer_key, question.answer)),
    )


def _hers(keyring: Keyring, key: OpenKey | None, question: Question) -> Hers:
    text, answered = _opened(key, question)
    line = question.line
    return Hers(
        id=question.id,
        actor=question.actor,
        line=None if line is None else line_word(keyring, question.customer, line),
        entry=EntryId(question.entry) if question.entry else None,
        state=question.state,
        asked_at=question.asked_at,
        answer_by=question.answer_by,
        text=text,
        answered_at=question.answered_at,
        answer=answered,
    )
