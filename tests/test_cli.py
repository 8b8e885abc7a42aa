"""The command line, as an operator uses it: real processes on a real database."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from msgspec import Struct

from service.cli import DIFFERENT
from service.crypto.keyring import Keyring
from service.database import Database
from service.schema import shipped
from tests.commanding import command, make_ready
from tests.conftest import Api, Person, Template, enrol, in_role
from tests.reading import entered

pytestmark = pytest.mark.smoke
make_ready()

TOKEN = r"^byt_[a-z2-7]{52}_[0-9a-f]{8}$"
API_KEY = r"^byl_[a-z2-7]{16}_[a-z2-7]{52}_[0-9a-f]{8}$"


class Shell(Struct, frozen=True):
    """A shell with the settings of one test."""

    environment: dict[str, str]

    def run(self, *words: str, status: int = 0, stdin: str = "", **changes: str) -> str:
        """Run ``byleave`` with these words; returns what it printed."""
        done = command(words, self.environment | changes, stdin)
        assert done.status == status, done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return (done.stderr if status in (1, 2) else done.stdout).strip()


def shell_with(**settings: str) -> Shell:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}  # noqa: TID251
    return Shell(
        inherited
        | {"COLUMNS": "200", "BYLEAVE_DRAIN": "0"}
        | {f"BYLEAVE_{name}": value for name, value in settings.items()}
    )


@pytest.fixture
def shell(database_url: str, template: Template) -> Shell:
    """A shell on the furnished database of this test."""
    return shell_with(DATABASE_URL=database_url, KEYS=str(template.root_key_file))


PORTS: set[int] = set()


def free_port() -> int:
    """Return a port that nobody listens at, and that was not returned before."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in PORTS:
            PORTS.add(port)
            return port


@contextmanager
def serving(shell: Shell, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Serve for the length of a block."""
    environment = shell.environment | {"BYLEAVE_PORT": str(port)}
    process = subprocess.Popen([sys.executable, "-m", "service", "serve"], env=environment)
    try:
        yield process
    finally:
        process.terminate()
        assert process.wait(timeout=15) in (0, -signal.SIGTERM)


def await_status(port: int, path: str, status: int) -> httpx.Response:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            answer = httpx.get(f"http://127.0.0.1:{port}{path}")
        except httpx.TransportError:
            time.sleep(0.05)
            continue
        if answer.status_code == status:
            return answer
    raise AssertionError(f"{path} never answered {status}")


def test_a_command_makes_no_database_of_its_own_where_there_is_none(tmp_path: Path) -> None:
    home = tmp_path / "home"
    shell = shell_with(HOME=str(home))
    for words in (("services", "list"), ("keys", "init"), ("export", "ledger", "--sealed")):
        said = shell.run(*words, status=1)
        assert said == f"byleave: no database is in {home}: set BYLEAVE_DATABASE_URL, or run byleave migrate"
    assert not home.exists()


def test_a_new_database_is_set_up_with_four_commands(server: str, tmp_path: Path, empty_database: str) -> None:
    urls = {"DATABASE_URL": in_role(empty_database), "MIGRATE_URL": in_role(empty_database, "byleave_migrator")}
    shell = shell_with(**urls, HOME=str(tmp_path / "home"))
    assert "run: byleave migrate" in shell.run("serve", status=1)
    shell.run("migrate")
    shell.run("migrate")
    assert "made the root key" in shell.run("keys", "init")
    assert shell.run("keys", "init") == "every key was there already"
    assert shell.run("keys", "status").count("opens") == 4
    assert "is in force" in shell.run("policies", "publish")
    assert "was in force already" in shell.run("policies", "publish")
    assert re.match(API_KEY, shell.run("services", "add", "shop"))
    assert (tmp_path / "home/root.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "home/root.key").rename(tmp_path / "copy.key")
    assert "put a copy of it back" in shell.run("keys", "init", status=1)
    assert not (tmp_path / "home/root.key").exists()


@pytest.mark.parametrize(
    ("command", "spared"),
    [
        ("keys", {"alembic", "granian", "httpx", "litestar", "sqlalchemy"}),
        ("serve", {"alembic", "sqlalchemy"}),
        ("migrate", {"granian", "httpx", "litestar"}),
    ],
)
def test_a_command_does_not_wait_for_what_others_need(command: str, spared: set[str]) -> None:
    words = [sys.executable, "-X", "importtime", "-m", "service", command, "--help"]
    done = subprocess.run(words, env=shell_with().environment, capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert imported & spared == set()
    assert "service.cli" in imported


def test_a_migration_that_lacks_a_right_is_one_line(tmp_path: Path, empty_database: str) -> None:
    urls = {"DATABASE_URL": in_role(empty_database), "HOME": str(tmp_path / "home")}
    said = shell_with(**urls).run("migrate", status=1)
    assert said == "byleave: the migrating login lacks a right (docs/roles.md): permission denied for schema public"


@pytest.mark.parametrize(
    ("at", "status"),
    [
        ("2026-03-03T10:00", 0),
        ("2026-03-03T10:00+01:00", 0),
        ("0001-01-01T00:00", 0),
        ("0001-01-01T00:00+14:00", 2),
        ("9999-12-31T23:59-14:00", 2),
        ("yesterday", 2),
    ],
)
def test_what_was_allowed_is_asked_of_a_time(at: str, status: int, shell: Shell, abbie: Person) -> None:
    asked = ("customers", "allowed", "--customer", f"email:{abbie.email}", "--reason", "a test", "--at", at)
    expected = "expected a time as in ISO 8601" if status else "by policies that were not there yet:"
    assert expected in shell.run(*asked, status=status)


def test_a_reason_says_something(shell: Shell) -> None:
    for words in (
        ("customers", "token", "--customer", "email:a@example.com"),
        ("suppressions", "import", "-", "--kind", "email", "--all"),
        ("questions", "read", "x"),
        ("links", "-", "--kind", "email", "--service", "shop", "--purpose", "x", "--channel", "web"),
    ):
        assert "say why; it is kept in the ledger" in shell.run(*words, "--reason", " ", status=2)


async def test_services_get_two_keys_and_lose_them_at_once(shell: Shell, api: Api) -> None:
    assert "has a key" in shell.run("services", "add", "shop", status=1)
    second, third = shell.run("services", "rotate", "shop"), shell.run("services", "rotate", "shop")
    first = api.api_keys["shop"]  # type: ignore[index]  # a service's id
    statuses = [(await api.call("GET", "/v1/purposes", key)).status_code for key in (first, second, third)]
    assert statuses == [401, 200, 200]
    assert shell.run("services", "revoke", "shop") == "2 keys of shop ended"
    assert [(await api.call("GET", "/v1/purposes", key)).status_code for key in (second, third)] == [401, 401]
    assert shell.run("services", "list").count("revoked") == 3
    for name in ("shop", "shopp"):
        assert f"no key of {name} works" in shell.run("services", "revoke", name, status=1)
    assert "not in the catalogue" in shell.run("services", "add", "nobody", status=1)


async def test_one_key_that_got_into_wrong_hands_ends_alone(shell: Shell, api: Api) -> None:
    lost, kept = api.api_keys["shop"], shell.run("services", "rotate", "shop")  # type: ignore[index]  # as above
    id_ = lost.split("_")[1]
    for service, key in (("shop", "nothing"), ("recommender", id_)):
        refused = shell.run("services", "revoke", service, "--key", key, status=1)
        assert f"no key {key} of {service} works" in refused
    assert shell.run("services", "revoke", "shop", "--key", id_) == "1 key of shop ended"
    assert [(await api.call("GET", "/v1/purposes", key)).status_code for key in (lost, kept)] == [401, 200]


async def test_a_token_lets_a_customer_speak_and_is_in_her_ledger(
    shell: Shell, api: Api, abbie: Person, database: Database, keyring: Keyring
) -> None:
    token = shell.run("customers", "token", "--customer", "email:ABBIE@example.com", "--reason", "ticket 7")
    assert re.match(TOKEN, token)
    mine = (await api.call("GET", "/v1/me/consents", token)).json()
    assert [each["status"] for each in mine["standing"]] == ["given"]
    async with database.connection() as connection:
        acts = [each.act for each in await entered(connection, keyring, "look-up")]
    assert acts == [{"kind": "look-up", "reason": "ticket 7", "what": "token"}]


def test_looking_at_a_person_needs_a_reason(shell: Shell) -> None:
    assert "--reason" in shell.run("customers", "token", "--customer", "email:a@example.com", status=2)
    assert "email:..." in shell.run("customers", "token", "--customer", "abbie", "--reason", "x", status=2)
    said = shell.run("customers", "token", "--customer", "email:nobody@example.com", "--reason", "x", status=1)
    assert said == "byleave: There is no such customer"


async def test_two_customers_are_merged_and_parted_with_a_reason_and_named_on_standard_input(
    shell: Shell, api: Api, abbie: Person
) -> None:
    await enrol(api, "abbie.harbour@example.com", {})
    why = ("--reason", "ticket 9")
    merged = shell.run(
        "customers", "merge", "email:abbie@example.com", "-", *why, stdin="email:abbie.harbour@example.com\n"
    )
    found = re.fullmatch(r"link ([0-9a-f-]{36}): 2 customers are one person", merged)
    assert found, merged
    both = shell.run(
        "customers", "merge", "-", "-", *why, stdin=f"email:{abbie.email}\nemail:{abbie.email}\n", status=1
    )
    assert both == "byleave: They are one person already"
    asked = {"customer": {"id": abbie.at_recommender}, "purpose": "personalise.recommendations", "channel": "web"}
    answer = await api.post("/v1/decisions", "recommender", {**asked, "attributes": ["first_name"]})
    assert answer["decision"] == "deny"
    assert "holds" in shell.run("customers", "links", "-", *why, stdin=f"email:{abbie.email}")
    assert "has ended" in shell.run("customers", "unmerge", found[1], *why)
    assert "holds" not in shell.run("customers", "links", f"email:{abbie.email}", *why)
    assert "no such link" in shell.run("customers", "unmerge", found[1], *why, status=1)
    assert "--reason" in shell.run("customers", "unmerge", found[1], status=2)
    answer = await api.post("/v1/decisions", "recommender", {**asked, "attributes": ["first_name"]})
    assert answer["decision"] == "permit"


async def test_links_for_a_list_of_people_are_written_as_csv(shell: Shell, abbie: Person) -> None:
    what = ("--kind", "email", "--purpose", "market.newsletter", "--channel", "email", "--reason", "the spring list")
    listed = f"{abbie.email.upper()}\nnobody@example.com\n\nno address\n"
    public = "https://privacy.shop.example"
    said = shell.run("links", "-", "--service", "newsletter", *what, stdin=listed, BYLEAVE_PUBLIC_URL=public)
    head, hers, *others = said.splitlines()
    assert head == "identifier,url,List-Unsubscribe,List-Unsubscribe-Post"
    link = r"https://privacy\.shop\.example/n/[a-z2-7]{52}"
    assert re.fullmatch(rf"{abbie.email.upper()},({link}),<\1>,List-Unsubscribe=One-Click", hers)
    assert others == ["nobody@example.com,,,", "no address,,,"]
    assert "no grant" in shell.run("links", "-", "--service", "recommender", *what, stdin=listed, status=1)
    refused = command(("links", "-", "--service", "recommender", *what), shell.environment, listed)
    assert refused.stdout == "", "a file that looks like one"


def test_what_cannot_be_written_is_one_line_and_a_closed_pipe_is_quiet(shell: Shell, abbie: Person) -> None:
    about = ("--kind", "email", "--service", "newsletter", "--purpose", "market.newsletter", "--channel", "email")
    reader, closed = os.pipe()
    os.close(reader)
    for words in (("openapi",), ("links", "-", *about, "--reason", "the spring list"), ("keys", "status")):
        with Path("/dev/full").open("w") as full:
            said = _said_into(full.fileno(), shell, words, abbie.email)
        assert said == (1, "byleave: cannot write: No space left on device\n"), words
        assert _said_into(closed, shell, words, abbie.email) == (1, ""), words
    os.close(closed)


def _said_into(output: int, shell: Shell, words: tuple[str, ...], stdin: str) -> tuple[int, str]:
    """Return the status of a command whose standard output is this, and what it says on standard error."""
    command = [sys.executable, "-m", "service", *words]
    done = subprocess.run(
        command, env=shell.environment, input=stdin, stdout=output, stderr=subprocess.PIPE, text=True, check=False
    )
    return done.returncode, done.stderr


async def test_a_question_is_listed_read_and_answered(shell: Shell, api: Api, abbie: Person, tmp_path: Path) -> None:
    token = shell.run("customers", "token", "--customer", f"email:{abbie.email}", "--reason", "a test")
    used = {"customer": {"id": abbie.at_recommender}, "purpose": "personalise.recommendations", "channel": "web"}
    entry = (await api.post("/v1/releases", "recommender", {**used, "attributes": ["first_name"]}))["entry"]
    body = {"entry": entry, "text": "Why\x1b[2J at\x9b night?\nshe was answered: Yes"}
    question = (await api.post("/v1/me/questions", token, body))["question"]
    listed = shell.run("questions", "list")
    assert question in listed
    assert "received" in listed
    assert "night" not in listed
    assert "--reason" in shell.run("questions", "read", question, status=2)
    read = shell.run("questions", "read", question, "--reason", "ticket 3")
    assert "Why\ufffd[2J at\ufffd night?\n  she was answered: Yes" in read
    assert "read" in shell.run("questions", "list")
    text = tmp_path / "answer.txt"
    text.write_bytes("Für dich".encode("cp1252"))
    said = shell.run("questions", "answer", question, str(text), status=1)
    assert said == "byleave: an answer is text in UTF-8"
    text.write_text("So that picks are ready.\n", encoding="utf-8-sig")
    assert "is answered" in shell.run("questions", "answer", question, str(text))
    assert "answered already" in shell.run("questions", "answer", question, "-", stdin="Or not.", status=1)
    assert question not in shell.run("questions", "list")
    (hers,) = (await api.call("GET", "/v1/me/questions", token)).json()["questions"]
    assert hers["answer"] == "So that picks are ready."


async def test_explain_says_who_may_see_an_attribute_and_why_not(shell: Shell, abbie: Person) -> None:
    whom = ("--customer", "email:abbie@example.com", "--reason", "ticket 8")
    words = (*whom, "--purpose", "personalise.recommendations")
    said = shell.run("policies", "explain", "--attribute", "first_name", *words)
    assert "Yes: what is volunteered, from shop." in said
    assert "No (no-permission)" in said  # on the channels that she did not allow
    assert "No (demographic)" in shell.run("policies", "explain", "--attribute", "birth_year", *words)


def test_diff_says_what_a_change_loosens_and_tightens(shell: Shell, tmp_path: Path) -> None:
    changed = shutil.copytree(shipped("policies"), tmp_path / "policies")
    assert shell.run("policies", "diff", "published", str(changed)) == ""
    services = (changed / "services.toml").read_text()
    (changed / "services.toml").write_text(services.replace('["phone", "sms"]', '["phone"]'))
    said = shell.run("policies", "diff", "published", str(changed), status=DIFFERENT)
    assert said.startswith("tightens call-centre, for protect.travellers: no longer on sms: booked_trip (observed), ")
    back = shell.run("policies", "diff", str(changed), "published", status=DIFFERENT)
    assert back.startswith("loosens call-centre, for protect.travellers: now also on sms: ")
    assert "no such folder" in shell.run("policies", "diff", "published", str(tmp_path / "nowhere"), status=1)


def test_what_is_not_translated_is_pointed_out_and_published_all_the_same(shell: Shell, tmp_path: Path) -> None:
    folder = shutil.copytree(shipped("policies"), tmp_path / "policies")
    check = ("policies", "check"), shell.environment | {"BYLEAVE_POLICIES": str(folder)}, ""
    assert command(*check).stderr == ""
    german = (folder / "words/de.toml").read_text()
    (folder / "words/de.toml").write_text(german.replace('owner = "Leitung des Lagers"\n', ""))
    done = command(*check)
    assert (done.status, done.stderr) == (0, "warning: words/de.toml: fulfil.orders: has no owner\n")
    assert "is in force" in shell.run("policies", "publish", BYLEAVE_POLICIES=str(folder))


def test_faulty_policies_are_listed_and_not_published(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "purposes.toml").write_text("[[purpose]]\nid = 1\n")
    assert "purposes.toml" in shell.run("policies", "check", status=1, BYLEAVE_POLICIES=str(tmp_path))
    assert "purposes.toml" in shell.run("policies", "publish", status=1, BYLEAVE_POLICIES=str(tmp_path))


@pytest.mark.parametrize("command", [("serve",), ("migrate",), ("keys", "status")])
def test_a_wrong_setting_is_one_line_that_names_it(command: tuple[str, ...], shell: Shell) -> None:
    said = shell.run(*command, status=1, BYLEAVE_PORT="eighty")
    assert said.startswith("byleave: BYLEAVE_PORT")
    assert len(said.splitlines()) == 1


def test_serving_refuses_before_the_port_is_bound(shell: Shell, tmp_path: Path) -> None:
    other = tmp_path / "other.key"
    other.write_text("byleave-root-1 abcdefgh " + "A" * 43 + "=\n")
    other.chmod(0o600)
    assert "another root key" in shell.run("serve", status=1, BYLEAVE_KEYS=str(other))
    other.chmod(0o644)
    assert "chmod 600" in shell.run("serve", status=1, BYLEAVE_KEYS=str(other))
    gone = "postgresql://byleave@127.0.0.1:1/byleave"
    for word in ("serve", "migrate"):
        said = shell.run(word, status=1, BYLEAVE_DATABASE_URL=gone)
        assert said.splitlines()[-1] == "byleave: the database cannot be used: it does not answer"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"BYLEAVE_PORT: 127.0.0.1:{port} is taken" in shell.run("serve", status=1, BYLEAVE_PORT=port)
        both = {"BYLEAVE_PORT": str(free_port()), "BYLEAVE_METRICS_PORT": port}
        assert f"BYLEAVE_METRICS_PORT: 127.0.0.1:{port} is taken" in shell.run("serve", status=1, **both)


async def test_the_server_answers_survives_its_worker_and_leaves_nothing_behind(
    shell: Shell, api: Api, abbie: Person
) -> None:
    port = free_port()
    with serving(shell, port) as process:
        assert await_status(port, "/health/ready", 200).json() == {"ready": True, "faults": []}
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGKILL)
        await_status(port, "/health/live", 200)
        body = {
            "customer": {"id": abbie.at_recommender},
            "purpose": "personalise.recommendations",
            "channel": "web",
            "attributes": ["first_name"],
        }
        key = api.api_keys["recommender"]  # type: ignore[index]  # a service's id
        answer = httpx.post(
            f"http://127.0.0.1:{port}/v1/releases", json=body, headers={"authorization": f"Bearer {key}"}
        )
        assert answer.json()["released"]["first_name"]["value"] == "Abbie"
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/health/live")


def test_without_its_root_key_the_service_takes_only_a_no(shell: Shell, tmp_path: Path) -> None:
    without = Shell(shell.environment | {"BYLEAVE_KEYS": str(tmp_path / "gone.key")})
    port = free_port()
    with serving(without, port):
        assert await_status(port, "/health/ready", 503).json()["faults"] == ["keys-unavailable"]
