"""``byleave questions``: what customers ask about uses of their data. Each look is an entry of hers."""

from typing import TextIO

import click
from rich.console import Console
from rich.table import Table

from service.commands.means import operator, printable, with_database, with_keys
from service.commands.reasons import REASON
from service.errors import OperatorError
from service.model.questions import LONGEST, QuestionId
from service.settings import Settings
from service.usecases import questions as usecases

console = Console()


@click.group()
def questions() -> None:
    """What customers ask about uses of their data."""


@questions.command("list")
@click.pass_obj
def list_(settings: Settings) -> None:
    """Show what waits for an answer, the oldest first; it names nobody and opens nothing."""
    table = Table("question", "about", "asked", "answer by", "state", box=None, pad_edge=False)
    for each in with_database(settings, usecases.unanswered):
        table.add_row(each.id, each.actor, f"{each.asked_at:%Y-%m-%d}", f"{each.answer_by:%Y-%m-%d}", each.state)
    console.print(table)


@questions.command()
@click.argument("question")
@REASON
@click.pass_obj
def read(settings: Settings, question: str, reason: str) -> None:
    """Show what was asked, and about what."""
    id_ = QuestionId(question)
    found = with_keys(settings, lambda db, ring: usecases.read(db, ring, operator(reason), id_))
    for line in _in_words(found):
        click.echo(printable(line))


@questions.command()
@click.argument("question")
@click.argument("file", type=click.File("r", encoding="utf-8-sig"))
@click.pass_obj
def answer(settings: Settings, question: str, file: TextIO) -> None:
    """Answer a question, once, with the text of FILE ("-" is standard input). She sees it in the portal."""
    try:
        text = file.read().strip()
    except UnicodeDecodeError:
        raise OperatorError("an answer is text in UTF-8") from None
    if not 1 <= len(text) <= LONGEST:
        raise click.BadParameter(f"an answer has 1 to {LONGEST} characters")
    id_ = QuestionId(question)
    entry = with_keys(settings, lambda db, ring: usecases.answer(db, ring, operator(), id_, text))
    click.echo(f"{question} is answered: {entry}")


def _in_words(found: usecases.Read) -> list[str]:
    asked, use = found.question, found.use
    lines = [
        f"{asked.id}: {asked.state}, asked on {asked.asked_at:%Y-%m-%d}, to be answered by {asked.answer_by:%Y-%m-%d}"
    ]
    lines.append(f"about {asked.actor}{f', {asked.entry}' if asked.entry else ''}")
    if use is not None:
        what = ", ".join(filter(None, (use.kind, use.purpose, use.channel, use.outcome)))
        lines.append(f"  {use.hour:%Y-%m-%d %H}:00 UTC, {use.times} times: {what}")
        lines.append(
            f"  released: {', '.join(use.released) or 'nothing'}; refused: {', '.join(use.refused) or 'nothing'}"
        )
    lines.append(f"she asks: {'(her words are gone)' if found.text is None else found.text or '(nothing more)'}")
    if found.answer is not None:
        lines.append(f"she was answered: {found.answer}")
    return lines
