"""The state folder of a node: what was applied last, what was tried last, and the files of both.

Every file is written beside its place, made durable and renamed, and the folder is made durable after it, so that a
power cut leaves the old or the new one. What will be said after a change is on the disk before it: a full disk stops us
while the kernel is untouched.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any, NoReturn

from netpolicy import __version__
from netpolicy.diagnostic import error
from netpolicy.node.backend import Backend
from netpolicy.node.bundle import Bundle, StatementText, bundle_of, class_digest
from netpolicy.node.host import AS_ROOT
from netpolicy.node.stopped import Ending, StoppedError
from netpolicy.policy.identity import as_dict, from_dict
from netpolicy.policy.seal import KEY, OPEN, is_whole, sealed

FORMAT_VERSION = 1
FOLDER = "/var/lib/netpolicy"
JOURNAL, NEXT, LOCK, KEPT = "journal.json", "journal.next", "lock", "kept"
_BROKEN = (ValueError, TypeError, LookupError, AttributeError, RecursionError)


class Phase(Enum):
    """How far an apply came."""

    BEGUN = "begun"
    APPLIED = "applied"
    REFUSED = "refused"
    ROLLED_BACK = "rolled back"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Applied:
    """What was put into force, and when (UTC). `digest` names the class, `serial` the order of its build."""

    cluster: str
    node: str
    digest: str
    serial: int
    backend: str
    at: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """The last apply that changed something, or meant to."""

    id: str
    phase: Phase
    digest: str
    backend: str
    at: str


@dataclass(frozen=True, slots=True)
class Record:
    """What the journal says."""

    in_force: Applied | None = None
    last: Attempt | None = None


class Journal:
    """The state folder. Nothing in it can open or close the firewall: it only remembers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self) -> Record:
        """What it says; nothing where there is none. One that cannot be understood stops us."""
        path = self.folder / JOURNAL
        try:
            text = path.read_bytes()
            tree = json.loads(text)
            if tree["format_version"] != FORMAT_VERSION or not is_whole(text, tree[KEY]):
                raise ValueError("another version, or damaged")
            force, last = tree["in_force"], tree["last"]
            attempt = Attempt(**(last | {"phase": Phase(last["phase"])})) if last else None
            applied = Applied(**force) if force else None
            for one in (applied, attempt):
                _typed(one)
            return Record(applied, attempt)
        except FileNotFoundError:
            return Record()
        except OSError as failure:
            _failed(f"`{path}` cannot be read", failure, Ending.UNUSABLE)
        except _BROKEN:
            hint = "it only remembers: move it away, and the next apply writes a new one"
            found = error("NP759", f"`{path}` is no journal of ours, or damaged", hint=hint)
            raise StoppedError(Ending.REFUSED, found) from None

    @contextmanager
    def locked(self, within: float) -> Iterator[None]:
        """Nobody else applies with this folder during the block; the folder is there."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as failure:
            _failed(f"the state folder `{self.folder}` cannot be used", failure)
        try:
            _lock(handle, within, self.folder)
            yield
        finally:
            os.close(handle)

    def begin(self, bundle: Bundle, attempt: Attempt, before: Record) -> None:
        """The files are kept, and what will be said when it is in force is on the disk; the journal says `begun`."""
        one = bundle.identity
        applied = Applied(one.cluster, one.node, one.digest, one.serial, attempt.backend, attempt.at)
        try:
            self._keep(bundle)
            done = Attempt(attempt.id, Phase.APPLIED, attempt.digest, attempt.backend, attempt.at)
            _write(self.folder / NEXT, _text(Record(applied, done)))
            _replace(self.folder / JOURNAL, _text(Record(before.in_force, attempt)))
        except OSError as failure:
            _failed(f"the journal in `{self.folder}` cannot be written", failure)

    def applied(self) -> None:
        """The journal says what `begin` prepared, and what nobody needs is gone."""
        try:
            os.replace(self.folder / NEXT, self.folder / JOURNAL)  # noqa: PTH105
            _sync(self.folder)
            self._tidy()
        except OSError as failure:
            _failed("the rules are in force, but the journal does not say so", failure, Ending.UNKNOWN)

    def ended(self, attempt: Attempt, phase: Phase, before: Record) -> None:
        """The journal says how an apply ended that did not come into force; as well as the disk allows."""
        done = Attempt(attempt.id, phase, attempt.digest, attempt.backend, attempt.at)
        try:
            (self.folder / NEXT).unlink(missing_ok=True)
            _replace(self.folder / JOURNAL, _text(Record(before.in_force, done)))
        except OSError:
            pass  # what stopped the apply is told, and matters more

    def kept(self, digest: str) -> Bundle | None:
        """The bundle of that class which was applied here; None when it is not kept, or not whole."""
        home = self.folder / KEPT / digest
        try:
            if not home.exists():  # a kill in the middle of `_keep`
                home = home.with_name(f".old-{digest}")
            identity = from_dict(json.loads((home / "node.json").read_bytes()))
            statements = json.loads((home / "statements.json").read_bytes())
            files = {path.name: path.read_text(encoding="utf-8") for path in (home / "files").iterdir()}
            named = {one["id"]: StatementText(**one) for one in statements}
            if not identity.digest == class_digest(files) == digest:
                return None
            return bundle_of(identity, files, named)
        except (OSError, *_BROKEN, StoppedError):
            return None

    def keeps(self, bundle: Bundle) -> bool:
        """True when the bundle is kept, to the byte."""
        home = self.folder / KEPT / bundle.identity.digest
        try:
            return all((home / name).read_bytes() == _bytes(text) for name, text in _kept(bundle).items())
        except OSError:
            return False

    def _keep(self, bundle: Bundle) -> None:
        """The files of the bundle stand under their digest."""
        home = self.folder / KEPT / bundle.identity.digest
        fresh = home.with_name(f".{home.name}")
        shutil.rmtree(fresh, ignore_errors=True)
        (fresh / "files").mkdir(mode=0o700, parents=True)
        for name, text in _kept(bundle).items():
            _write(fresh / name, text)
        for folder in (fresh / "files", fresh):
            _sync(folder)
        old = home.with_name(f".old-{home.name}")
        shutil.rmtree(old, ignore_errors=True)
        if home.exists():
            home.rename(old)
        fresh.rename(home)
        _sync(home.parent)
        shutil.rmtree(old, ignore_errors=True)

    def _tidy(self) -> None:
        """Only the two last classes are kept: the one in force, and the one before."""
        kept = sorted((self.folder / KEPT).iterdir(), key=lambda path: path.lstat().st_mtime_ns)
        for path in kept[:-2]:
            shutil.rmtree(path, ignore_errors=True)


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _typed(one: Applied | Attempt | None) -> None:
    """Each value is of its type, or that is a ValueError."""
    for each in fields(one) if one is not None else ():
        if type(getattr(one, each.name)).__name__ != each.type:
            raise ValueError(each.name)
    if one is not None:
        Backend(one.backend)


def _kept(bundle: Bundle) -> dict[str, str]:
    """What is kept of a bundle: texts by their names below its folder."""
    statements = [asdict(one) for one in bundle.statements.values()]
    return {
        "node.json": json.dumps(as_dict(bundle.identity), indent=1, sort_keys=True) + "\n",
        "statements.json": json.dumps(statements, indent=1) + "\n",
        **{f"files/{name}": text for name, text in bundle.files.items()},
    }


def _text(record: Record) -> str:
    def told(one: Applied | Attempt | None) -> Mapping[str, Any] | None:
        return {key: getattr(value, "value", value) for key, value in asdict(one).items()} if one else None

    tree = {
        "format_version": FORMAT_VERSION,
        "tool": {"name": "netpolicy", "version": __version__},
        "in_force": told(record.in_force),
        "last": told(record.last),
        KEY: OPEN,
    }
    return sealed(json.dumps(tree, indent=1, sort_keys=True) + "\n")


def _lock(handle: int, within: float, folder: Path) -> None:
    until = time.monotonic() + within
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                message = f"another apply is at work with `{folder}`, and {within:g} seconds were not enough"
                found = error("NP764", message, hint="wait for it, or give `--wait` more seconds")
                raise StoppedError(Ending.REFUSED, found) from None
            time.sleep(0.05)
        else:
            return


def _replace(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}")
    _write(fresh, text)
    fresh.replace(path)
    _sync(path.parent)


def _write(path: Path, text: str) -> None:
    """The file holds the text, on the disk."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(_bytes(text))
        file.flush()
        os.fsync(handle)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _failed(what: str, failure: OSError, ending: Ending = Ending.REFUSED) -> NoReturn:
    why = (failure.strerror or "no reason given").lower()
    hint = "mend that, or name another folder with `--state`"
    if failure.errno in (errno.EPERM, errno.EACCES):
        hint, ending = AS_ROOT, Ending.UNUSABLE if ending is Ending.REFUSED else ending
    elif failure.errno in (errno.ENOSPC, errno.EDQUOT):
        hint = "make room on that disk, or name another folder with `--state`"
    raise StoppedError(ending, error("NP759", f"{what}: {why}", hint=hint)) from None
