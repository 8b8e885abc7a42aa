"""The command line: ``byleave``. Each command reads its words, calls one use case and prints what came of it."""

import asyncio
import errno
import os
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, TextIO
from uuid import UUID

import click
import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from service.commands.later import Patient
from service.commands.ledger import export, verify
from service.commands.means import operator, printable, with_database, with_keys
from service.commands.reasons import REASON, Reason
from service.crypto.keyring import Keyring, Role
from service.crypto.notes import Verifier, read_verifier
from service.crypto.signing import public_keys_in
from service.database import Database, opened, reachable
from service.errors import OperatorError, PolicyError, ReceiptRefusedError, ServiceError
from service.importing import Delivery, Outcome, import_file, leave_alone_file
from service.model.columns import EXPECTED, Format
from service.model.identifiers import Identifier, identifier
from service.model.suppression import EVERYTHING
from service.model.words import Acting, AttributeId, Channel, IdentifierKind, Method, PurposeId, ServiceId, Status
from service.policy.diff import changes, in_words
from service.policy.engine import Policies
from service.policy.schema import write_schema
from service.policy.wording import wording_warnings
from service.process import harden, leave_alone_what_stays, log_as_json, until_told
from service.rootkey import make_root_key, read_root_key
from service.schema import shipped
from service.settings import Settings, Urls, read_settings
from service.usecases import (
    access,
    consents,
    explanations,
    keys,
    merges,
    past,
    policies,
    receipts,
    records,
    suppressions,
)
from service.usecases.imports import Means
from service.usecases.sequencing import Desk
from service.usecases.suppressions import Wanted
from service.worker.run import work
from service.worker.sequencer import PATIENCE, sequence

console = Console()
PUBLISHED = "published"
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
DIFFERENT = 3
"""The status of a difference; 1 is a refusal, and click's own for wrong usage is 2."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What a disk says that takes nothing more."""
UNHURRIED = 30.0
"""Seconds that one statement of an import may take, for nobody's request waits: it may meet another import."""
REJECTED = 3
"""The status of an import with --strict of which not every row landed."""
COMMANDS = ("demo", "links", "metrics", "migrate", "openapi", "questions", "serve")
LATER = {name: f"service.commands.{name}" for name in COMMANDS}
"""Where the commands are that need much."""
WHO = click.option(
    "--customer",
    "customer",
    required=True,
    help='email:..., phone:..., loyalty:... or device:...; "-" for a line of standard input, as arguments show in ps.',
)


class Since(click.ParamType[datetime]):
    """A day, which counts to its end, or a time."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the moment from its ISO form."""
        text = str(value)
        try:
            moment = _moment(text if DAY.match(text) else "")
            return moment + timedelta(days=1) if DAY.fullmatch(text) else moment
        except (ValueError, OverflowError):
            self.fail("expected a day or a time as in ISO 8601, such as 2026-06-30 or 2026-06-30T12:00Z", param, ctx)


class Instant(click.ParamType[datetime]):
    """A time."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the moment from its ISO form."""
        try:
            return _moment(str(value))
        except (ValueError, OverflowError):
            self.fail("expected a time as in ISO 8601, such as 2026-06-30T12:00Z", param, ctx)


def _moment(text: str) -> datetime:
    """Return the moment, in UTC; raises ValueError or OverflowError for what is none there."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)


class LedgerKey(click.ParamType[Verifier]):
    """The public key of a ledger, as it is published."""

    name = "vkey"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Verifier:
        """Return the key of its text."""
        key = value if isinstance(value, Verifier) else read_verifier(str(value).strip())
        if key is None:
            self.fail("expected a key as the ledger publishes it: name+id+key", param, ctx)
        return key


class Answered(Struct, frozen=True):
    """What the API answers with a receipt inside, and with the proof that the ledger has its entry."""

    receipt: str
    body_text: str = ""
    opening: bytes = b""
    proof: str = ""

    def __repr__(self) -> str:  # what it says is somebody's
        return "Answered()"


def main() -> None:
    """Run a command; whatever we refuse is one line on standard error and status 1."""
    try:
        cli.main(prog_name="byleave", standalone_mode=True)
    except PolicyError as error:
        _complain(*error.faults)
    except ServiceError as error:
        _complain(error.detail or error.title)
    except OSError as error:
        if error.errno not in FULL:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is tried once more when Python ends
        _complain(f"cannot write: {error.strerror}")


def _complain(*lines: str) -> None:
    for line in lines:
        click.echo(f"byleave: {line}", err=True)
    sys.exit(1)


@click.group(cls=Patient, later=LATER, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="byleave", prog_name="byleave")
@click.pass_context
def cli(context: click.Context) -> None:
    """A customer's data leaves only as she allows."""
    # Whoever checks a receipt or the ledger has a key and nothing else of ours.
    context.obj = None if context.invoked_subcommand in {receipts_.name, verify.name} else read_settings()


cli.add_command(export)
cli.add_command(verify)


@cli.command()
@click.option("--once", is_flag=True, help="Do every job once, then stop; status 1 if one could not be done.")
@click.pass_obj
def worker(settings: Settings, *, once: bool) -> None:
    """Take what waits into the ledger and sign it; end what has run its time. Any number of workers may run.

    Of all workers one takes entries into the ledger, and another when that one is gone.
    """
    log_as_json()
    harden()
    with reachable(settings) as urls:
        sys.exit(0 if asyncio.run(until_told(_work(settings, urls, once=once))) else 1)


@cli.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--map", "columns", type=click.Path(path_type=Path), required=True, help="Which column is what.")
@click.option("--rejects", type=click.Path(path_type=Path), help="Where rejected rows go (FILE.rejects.csv).")
@click.option(
    "--format",
    "format_",
    type=click.Choice([each.value for each in Format]),
    help="Default: as the map or the ending says, else csv.",
)
@click.option("--strict", is_flag=True, help="Status 3 if any row was rejected.")
@click.pass_obj
def import_(
    settings: Settings, file: Path, columns: Path, rejects: Path | None, format_: str | None, *, strict: bool
) -> None:
    """Bring customers, and what they answered, in from CSV or JSON Lines ("-" is standard input); repeat it at will.

    Good rows land, and each bad one goes to the rejects with its line and the reason: that is status 0 too, unless
    --strict. Status 1: it was refused or broke off. What had landed stays, and running it again brings the rest.
    """
    delivery = Delivery(file, columns, rejects, Format(format_) if format_ else None)

    async def bring(database: Database, keyring: Keyring) -> Outcome:
        in_force = await policies.Library(database).current()
        leave_alone_what_stays()
        return await import_file(Means(database, keyring, in_force, operator()), delivery, Console(stderr=True))

    outcome = with_keys(settings, bring, UNHURRIED)
    console.print(outcome.in_words(), markup=False, soft_wrap=True)
    sys.exit(REJECTED if strict and outcome.summary.rejected else 0)


@cli.group("suppressions")
def suppressions_() -> None:
    """Identifiers of people who are to be left alone, whether or not they are customers."""


@suppressions_.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--kind", type=click.Choice([each.value for each in EXPECTED]), required=True)
@click.option("--purpose", help="What they refused.")
@click.option("--all", "everything", is_flag=True, help="They refused everything that rests on consent.")
@click.option("--region", help="Where phone numbers without a country code are from, such as GB.")
@click.option("--since", type=Since(), help="When they were listed: a day that is over, or a time; UTC unless it says.")
@click.option("--rejects", type=click.Path(path_type=Path), help="Where rejected lines go (FILE.rejects.csv).")
@click.option("--reason", type=Reason(), required=True, help="Why; it is kept in the ledger.")
@click.pass_obj
def suppressions_import(  # noqa: PLR0913  one for each option
    settings: Settings,
    file: Path,
    kind: str,
    purpose: str | None,
    *,
    everything: bool,
    region: str | None,
    since: datetime | None,
    rejects: Path | None,
    reason: str,
) -> None:
    """Leave alone whoever stands in FILE, one identifier to a line; who is a customer is refused it at once.

    With --since whoever was listed before is refused again what she allowed until then, and what she allowed later
    stands. Without it, who was listed before stays as she is, since nobody knows whether the list or her yes is later.

    Plain identifiers, not hashes: one made elsewhere cannot be compared with our keyed index. Only that index is kept.
    """
    if everything == bool(purpose):
        raise click.UsageError("say --purpose or --all")
    wanted = Wanted(IdentifierKind(kind), PurposeId(purpose or EVERYTHING), region, since)

    async def bring(database: Database, keyring: Keyring) -> str:
        in_force = await policies.Library(database).current()
        return await leave_alone_file(Means(database, keyring, in_force, operator(reason)), wanted, file, rejects)

    console.print(with_keys(settings, bring, UNHURRIED), markup=False, soft_wrap=True)


@suppressions_.command("count")
@click.pass_obj
def suppressions_count(settings: Settings) -> None:
    """Show how many identifiers are left alone, and for what."""
    found = with_database(settings, suppressions.count)
    rows = [(each.kind, each.why, each.purpose or "everything", str(each.rows)) for each in found]
    _table(("identifier", "why", "purpose", "how many"), rows)


@cli.group("keys")
def keys_() -> None:
    """The keys above all others."""


@keys_.command("init")
@click.pass_obj
def keys_init(settings: Settings) -> None:
    """Make the root key file, and the keys in the database, as far as they are missing."""
    if not settings.root_key_file.exists():
        with_database(settings, keys.refuse_another_root)
        make_root_key(settings.root_key_file)
        click.echo(f"made the root key {settings.root_key_file}; keep a copy of it somewhere safe")
    root = read_root_key(settings.root_key_file)
    made = with_database(settings, lambda database: keys.make(database, root, operator()))
    click.echo(", ".join(f"made {key.role} key {key.version}" for key in made) or "every key was there already")


@keys_.command("status")
@click.pass_obj
def keys_status(settings: Settings) -> None:
    """Show every key and whether the root key opens it."""
    root = read_root_key(settings.root_key_file)
    found = with_database(settings, lambda database: keys.status(database, root))
    rows = [(key.role, str(key.version), key.root, "opens" if opens else "DOES NOT OPEN") for key, opens in found]
    _table(("role", "version", "root key", "state"), rows)
    if not found or not all(opens for _, opens in found):
        _complain("the keys do not fit, or there are none; run: byleave keys init")


@keys_.command("rotate")
@click.argument("role", type=click.Choice(["receipt"]))
@click.pass_obj
def keys_rotate(settings: Settings, role: Role) -> None:
    """Make the next key of a kind. It signs in ten minutes; what the ones before it signed goes on being valid."""
    root = read_root_key(settings.root_key_file)
    made = with_database(settings, lambda database: keys.rotate(database, root, operator(), role))
    click.echo(f"made {made.role} key {made.version}; it signs in {keys.AHEAD.seconds // 60} minutes")


@cli.group("receipts", cls=Patient, later={"key": "service.commands.receipts"})
def receipts_() -> None:
    """Proof of what a customer said."""


@receipts_.command("verify")
@click.argument("file", type=click.File("r", encoding="utf-8", errors="replace"))
@click.option(
    "--keys", "keys_file", type=click.File("rb"), required=True, help="The company's jwks.json, or a key in PEM."
)
@click.option("--ledger-key", "ledger", type=LedgerKey(), help="Also ask for the proof that this ledger has its entry.")
def receipts_verify(file: TextIO, keys_file: BinaryIO, ledger: Verifier | None) -> None:
    """Check a receipt ("-" is standard input), with nothing but public keys. The status is 1 if it is refused.

    FILE is the receipt itself, or what the API answered with it inside; the proof for --ledger-key is in that answer.
    """
    answer = _answer_in(file.read())
    verdict = receipts.check(answer.receipt, public_keys_in(keys_file.read()))
    if verdict.document is None:
        raise ReceiptRefusedError(f"refused: {verdict.flaw}")
    if ledger is not None:
        _refuse_unless_entered(verdict.document, answer, ledger)
    click.echo(f"valid: signed by {verdict.key}")
    if ledger is not None:
        click.echo(f"entered: its entry is in the ledger {ledger.name}")
    click.echo(msgspec.json.format(verdict.document, indent=2).decode())


@cli.group("policies")
def policies_() -> None:
    """What the company asks for, and the rules that hold."""


@policies_.command("check")
@click.option("--write", is_flag=True, help="Write schema.cedarschema anew from the catalogue first.")
@click.pass_obj
def policies_check(settings: Settings, *, write: bool) -> None:
    """Check the catalogue and the policies, and print their version."""
    folder = settings.policies or shipped("policies")
    if write:
        write_schema(folder)
    checked = policies.check(folder)
    for warning in wording_warnings(checked.catalogue):
        click.echo(f"warning: {warning}", err=True)
    click.echo(checked.version)


@policies_.command("publish")
@click.pass_obj
def policies_publish(settings: Settings) -> None:
    """Put the policies of the folder in force, for every process at once."""
    folder = settings.policies or shipped("policies")
    publication, new = with_keys(settings, lambda db, ring: policies.publish(db, ring, operator(), folder))
    click.echo(f"{publication.version} {'is in force' if new else 'was in force already'}")


@policies_.command("diff")
@click.argument("before")
@click.argument("after")
@click.pass_obj
def policies_diff(settings: Settings, before: str, after: str) -> None:
    """Say which situations AFTER loosens or tightens; each is a folder, or `published` for what is in force.

    The status is 0 when both answer alike, 3 when they do not, 1 when one of them cannot be used.
    """
    found = changes(_policies_at(settings, before).code, _policies_at(settings, after).code)
    for line in in_words(found):
        click.echo(line)
    sys.exit(DIFFERENT if found else 0)


@policies_.command("explain")
@WHO
@click.option("--attribute", required=True)
@click.option("--purpose", required=True)
@REASON
@click.pass_obj
def policies_explain(settings: Settings, customer: str, attribute: str, purpose: str, reason: str) -> None:
    """Say who may see an attribute of a customer for a purpose, and why not."""
    found_by, about = _named(customer), (AttributeId(attribute), PurposeId(purpose))

    async def explain(database: Database, keyring: Keyring) -> list[str]:
        in_force = await policies.Library(database).current()
        return await explanations.explain_customer(database, keyring, in_force, operator(reason), found_by, about)

    for line in with_keys(settings, explain):
        click.echo(printable(line))


@cli.group("services")
def services_() -> None:
    """The API keys of services."""


@services_.command("add")
@click.argument("service")
@click.pass_obj
def services_add(settings: Settings, service: str) -> None:
    """Give a service of the catalogue its first API key; it is shown once."""
    if any(each.service == service and not each.revoked_at for each in with_database(settings, access.api_keys)):
        _complain(f"{service} has a key; a further one: byleave services rotate {service}")
    click.echo(_new_api_key(settings, service))


@services_.command("rotate")
@click.argument("service")
@click.pass_obj
def services_rotate(settings: Settings, service: str) -> None:
    """Give a service a further API key; of its older ones the newest goes on working until the next time."""
    click.echo(_new_api_key(settings, service))


@services_.command("revoke")
@click.argument("service")
@click.option("--key", help="Only the one of this id, which is the word after byl_ in the key. Default: every key.")
@click.pass_obj
def services_revoke(settings: Settings, service: str, key: str | None) -> None:
    """End every API key of a service, or one of them, now."""
    ended = with_database(settings, lambda db: access.revoke_api_keys(db, operator(), ServiceId(service), key))
    if not ended:
        which = f"no key {key} of {service}" if key else f"no key of {service}"
        raise OperatorError(f"{which} works; byleave services list shows all")
    click.echo(f"{ended} {'key' if ended == 1 else 'keys'} of {service} ended")


@services_.command("list")
@click.pass_obj
def services_list(settings: Settings) -> None:
    """Show every API key ever made, without the keys."""
    rows = [
        (each.service, each.id, f"{each.created_at:%Y-%m-%d %H:%M}", "revoked" if each.revoked_at else "works")
        for each in with_database(settings, access.api_keys)
    ]
    _table(("service", "key", "made", "state"), rows)


@cli.group("consents")
def consents_() -> None:
    """Consents that the company itself takes back."""


@consents_.command("revoke")
@WHO
@click.option("--purpose", required=True)
@click.option("--channel", type=click.Choice([each.value for each in Channel]), help="Default: every channel.")
@REASON
@click.pass_obj
def consents_revoke(settings: Settings, customer: str, purpose: str, channel: str | None, reason: str) -> None:
    """Stop relying on a customer's consent, from now on."""
    caller, found_by = operator(reason), _named(customer)
    said = consents.Said(
        purpose=PurposeId(purpose),
        status=Status.REVOKED,
        method=Method.SYSTEM,
        customer=found_by,
        channel=None if channel is None else Channel(channel),
        acting=Acting.CONTROLLER,
        actor=caller.account,
        reason=reason,
    )

    async def revoke(database: Database, keyring: Keyring) -> consents.Acknowledged:
        return await consents.record_no(database, keyring, await policies.Library(database).current(), caller, said)

    for each in with_keys(settings, revoke).standing:
        click.echo(f"{each.purpose} on {each.channel}: {each.status}")


@consents_.command("history")
@WHO
@REASON
@click.pass_obj
def consents_history(settings: Settings, customer: str, reason: str) -> None:
    """Show what a customer answered, who recorded it, and where the proof lies (GDPR Art. 7(1))."""
    found_by = _named(customer)
    found = with_keys(settings, lambda db, ring: records.shown(db, ring, operator(reason), found_by))
    for each in found:
        click.echo(printable(_answered(each)))


@consents_.command("invalidate")
@click.option("--purpose", required=True)
@click.option("--notice", type=click.IntRange(1), required=True, help="The version of the notice that was wrong.")
@REASON
@click.pass_obj
def consents_invalidate(settings: Settings, purpose: str, notice: int, reason: str) -> None:
    """Take back every consent that rests on a notice that was wrong; run it again if it breaks off."""
    caller = operator(reason)

    async def invalidate(database: Database) -> int:
        in_force = await policies.Library(database).current()
        return await consents.invalidate(database, in_force, caller, PurposeId(purpose), notice)

    click.echo(f"{with_database(settings, invalidate)} customers' consents are invalid now")


@cli.group("customers")
def customers_() -> None:
    """Acting for one customer."""


@customers_.command("token")
@WHO
@click.option("--minutes", type=click.IntRange(1, 24 * 60), default=15, show_default=True)
@REASON
@click.pass_obj
def customers_token(settings: Settings, customer: str, minutes: int, reason: str) -> None:
    """Make a token with which a customer can use /v1/me for some minutes."""
    found_by = _named(customer)
    made = with_keys(
        settings, lambda db, ring: access.make_customer_token(db, ring, operator(reason), found_by, minutes)
    )
    click.echo(made.text)


@customers_.command("merge")
@click.argument("one")
@click.argument("other")
@REASON
@click.pass_obj
def customers_merge(settings: Settings, one: str, other: str, reason: str) -> None:
    """Say that ONE and OTHER are one person. Each keeps what is hers; what one of them forbids is forbidden.

    Each is email:..., phone:... or loyalty:..., or "-" for a line of standard input, because arguments show in `ps`.
    """
    found_by = _named(one), _named(other)
    made = with_keys(settings, lambda db, ring: merges.merge(db, ring, operator(reason), found_by))
    click.echo(f"link {made.link}: {made.concerned} customers are one person")


@customers_.command("unmerge")
@click.argument("link", type=click.UUID)
@REASON
@click.pass_obj
def customers_unmerge(settings: Settings, link: UUID, reason: str) -> None:
    """Part what LINK joined, as it was; both sides keep every no that was said meanwhile."""
    made = with_keys(settings, lambda db, ring: merges.unmerge(db, ring, operator(reason), link))
    click.echo(f"link {made.link} has ended; it concerned {made.concerned} customers")


@customers_.command("links")
@click.argument("who")
@REASON
@click.pass_obj
def customers_links(settings: Settings, who: str, reason: str) -> None:
    """Show every merge of WHO (or "-": a line of standard input) that was made, and what has ended."""
    found_by = _named(who)
    found = with_keys(settings, lambda db, ring: merges.history(db, ring, operator(reason), found_by))
    rows = [
        (str(e.id), f"{e.made_at:%Y-%m-%d %H:%M}", e.made_by, f"{e.ended_at:%Y-%m-%d %H:%M}" if e.ended_at else "holds")
        for e in found
    ]
    _table(("link", "made", "by", "ended"), rows)


@customers_.command("allowed")
@WHO
@click.option("--at", type=Instant(), help="A time, UTC unless it says; default: now.")
@click.option("--purpose", help="Default: every purpose.")
@REASON
@click.pass_obj
def customers_allowed(settings: Settings, customer: str, at: datetime | None, purpose: str | None, reason: str) -> None:
    """Say what was allowed of a customer at an instant (2026-03-03T10:00+01:00), and why."""
    found_by = _named(customer)
    question = past.Question(at=at, purpose=None if purpose is None else PurposeId(purpose))

    async def look(database: Database, keyring: Keyring) -> past.Then:
        library = policies.Library(database)
        return await past.allowed(database, keyring, library.at, operator(reason), found_by, question)

    then = with_keys(settings, look)
    click.echo(f"At {then.at.isoformat()}, by policies {then.policies or 'that were not there yet'}:")
    for each in then.allowed:
        for line in _allowed(each):
            click.echo(line)


async def _work(settings: Settings, urls: Urls, *, once: bool) -> bool:
    desk = Desk(lambda: read_root_key(settings.root_key_file), settings.ledger_name, settings.ledger_seen_file)
    async with opened(urls.app) as database, opened(urls.sequencer, 2, PATIENCE) as log:
        keyring, current = keys.Keys(database, settings.root_key_file).or_none, policies.Library(database).current
        if once:
            well = await work(database, keyring, current, once=True)
            return await sequence(log, desk, keyring, once=True) and well
        return all(await asyncio.gather(work(database, keyring, current, once=False), sequence(log, desk, keyring)))


def _answered(past: records.Past) -> str:
    said = past.answer
    proof = past.evidence or (f"shown {said.shown.digest}" if said.shown else "none needed or none kept")
    notice = f", notice {said.notice}" if said.notice else ""
    who = f"{said.acting}{f' ({said.actor})' if said.actor else ''} by {said.method}, recorded by {said.recorder}"
    return (
        f"{said.recorded_at:%Y-%m-%d %H:%M:%S} {said.purpose} on {said.channel}: {said.status}{notice}; "
        f"{who}; proof: {proof}; {said.entry}"
    )


def _allowed(allowed: past.Allowed) -> Iterable[str]:
    asked, answered = allowed.asked, allowed.answered
    consent = "" if answered is None else f"; she had answered: {answered.status}"
    because = "" if answered is None or answered.entry is None else f" ({answered.entry})"
    yield f"{asked.service} for {asked.purpose} on {asked.channel}{consent}{because}"
    for permit in allowed.decision.permits:
        yield f"  {permit.fact.attribute}: permitted"
    for no in allowed.decision.withheld:
        yield f"  {no.attribute}: {no.reason}{'' if no.policy is None else f' ({no.policy})'}"


def _policies_at(settings: Settings, place: str) -> Policies:
    if place == PUBLISHED:
        return with_database(settings, lambda database: policies.Library(database).current())
    return policies.check(Path(place))


def _new_api_key(settings: Settings, service: str) -> str:
    async def make(database: Database, keyring: Keyring) -> str:
        in_force = await policies.Library(database).current()
        made = await access.make_api_key(database, keyring, in_force, operator(), ServiceId(service))
        return made.text

    return with_keys(settings, make)


def _answer_in(text: str) -> Answered:
    """Return the receipt in a file, alone or in an answer of the API."""
    with suppress(msgspec.MsgspecError, RecursionError):
        return msgspec.json.decode(text, type=Answered)
    return Answered(text.strip())


def _refuse_unless_entered(document: bytes, answer: Answered, ledger: Verifier) -> None:
    if not answer.proof:
        raise ReceiptRefusedError("refused: the file has no proof that the entry is in the ledger")
    enclosed = receipts.Enclosed(answer.body_text.encode(), answer.opening, answer.proof)
    flaw = receipts.check_entry(document, enclosed, ledger)
    if flaw is not None:
        raise ReceiptRefusedError(f"refused: not shown to be in the ledger: {flaw}")


def _identifier(written: str) -> Identifier:
    kind, _, text = written.partition(":")
    if kind not in set(IdentifierKind):
        raise click.BadParameter("write it as email:..., phone:..., loyalty:... or device:...")
    return identifier(IdentifierKind(kind), text)


def _named(written: str) -> Identifier:
    """Read who is meant, from the argument or from a line of standard input."""
    return _identifier(sys.stdin.readline().strip() if written == "-" else written)


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    table = Table(*heads, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    console.print(table)
