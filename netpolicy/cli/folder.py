"""Writes a build folder whole or not at all: everything goes to a new folder beside it, then the two change places."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import signal
import stat
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

TOOL = "netpolicy"
MANIFEST = "manifest.json"
SIGNATURE = f"{MANIFEST}.sig"  # as `ssh-keygen -Y sign` names it
CONTENTS = frozenset({MANIFEST, SIGNATURE, "classes", "cloud", "nodes"})
_RENAME_EXCHANGE = 2
_AT_FDCWD = -100


class OutputError(Exception):
    """The output cannot be written; the text says why and `hint` what to do."""

    def __init__(self, why: str, hint: str = "") -> None:
        super().__init__(why)
        self.hint = hint


@contextmanager
def replacing(target: Path, contents: frozenset[str] = CONTENTS, what: str = "a build") -> Iterator[Path]:
    """A new, empty folder that takes the place of `target` when the block ends well, and vanishes when it does not.

    Only a folder that is empty or `what` of ours, with no other `contents`, is replaced.
    """
    target = target.absolute()
    fresh: Path | None = None
    made: list[Path] = []
    try:
        with _stopped_by_exception():
            _check(target, contents, what)
            _make_way(target.parent, made)
            fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
            fresh.chmod(0o755)
            yield fresh
            _sync(fresh)
            _take_place(fresh, target)
    except OSError as failure:
        raise OutputError(_why(target, failure), _remedy(failure)) from None
    finally:
        if fresh is not None:
            shutil.rmtree(fresh, ignore_errors=True)
        _remove_empty(made)


@contextmanager
def _stopped_by_exception() -> Iterator[None]:
    """SIGTERM ends the block by an exception, so that nothing is left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _check(target: Path, contents: frozenset[str], what: str) -> None:
    """Refuses to replace what is not of ours."""
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise OutputError(f"`{target.name}` is no folder", f"name a folder for {what}")
    held = sorted(one.name for one in target.iterdir()) if target.is_dir() else []
    if held and (not contents.issuperset(held) or not _is_build(target)):
        kind = what.partition(" ")[2]
        raise OutputError(
            f"`{target.name}` holds files that are no {kind} of {TOOL}", "name another folder, or empty this one"
        )
    if target == Path.cwd() or target in Path.cwd().parents:
        message = f"{what} cannot take the place of the current folder"
        raise OutputError(message, f"name a folder in it, such as `{what.partition(' ')[2]}`")


def _is_build(folder: Path) -> bool:
    """True when its manifest says that we wrote it; others have files of that name too."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        return bool(manifest["tool"]["name"] == TOOL)
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return False


def _make_way(folder: Path, made: list[Path]) -> None:
    """Makes the folder and those above it; `made` names the new ones, outermost first."""
    if not folder.exists():
        _make_way(folder.parent, made)
        folder.mkdir(exist_ok=True)
        made.append(folder)


def _take_place(fresh: Path, target: Path) -> None:
    if not target.exists():
        fresh.rename(target)
        return
    libc = ctypes.CDLL(None, use_errno=True)
    exchanged = libc.renameat2(_AT_FDCWD, os.fsencode(fresh), _AT_FDCWD, os.fsencode(target), _RENAME_EXCHANGE)
    if exchanged == 0:  # the old build is now under the fresh name and goes away with it
        return
    code = ctypes.get_errno()
    if code not in (errno.EINVAL, errno.ENOSYS):
        raise OSError(code, os.strerror(code))
    # A file system without exchange: there is an instant without the folder, never one with half of it.
    old = fresh.with_name(fresh.name + ".old")
    target.rename(old)
    try:
        fresh.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _sync(fresh: Path) -> None:
    """Makes the manifest durable before the folder is shown; the rest is checked against it when it is used."""
    for path in (fresh / MANIFEST, fresh):
        if path.exists():
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def write_file(name: str, text: str) -> None:
    """Writes a file whole or not at all; one that is there keeps its mode.

    What is no plain file (a pipe, a terminal) is written to and stays.
    """
    target = Path(name).absolute()
    try:
        if target.exists() and not target.is_file():
            target.write_text(text, encoding="utf-8")
        else:
            _replace(target.resolve(), text)
    except OSError as failure:
        raise OutputError(_why(target, failure), _remedy(failure)) from None


def write_new(folder: Path, files: Mapping[str, str]) -> None:
    """Writes files into a folder, all or none, and makes the folder where it is missing. Replaces nothing."""
    target = folder.absolute()
    there = [f"`{name}`" for name in files if os.path.lexists(target / name)]
    if there:
        message = f"{' and '.join(there)} stand{'s' * (len(there) == 1)} in `{target}` already; nothing was written"
        raise OutputError(message, "name another folder")
    made: list[Path] = []
    added: list[Path] = []
    try:
        with _stopped_by_exception():
            _make_way(target, made)
            for name, text in files.items():
                with (target / name).open("x", encoding="utf-8") as file:
                    added.append(target / name)
                    file.write(text)
            added.clear()
    except OSError as failure:
        why = (failure.strerror or "no reason given").lower()
        message = f"cannot write to `{target}`: {why}; nothing was written"
        raise OutputError(message, "name a folder in which you may write") from None
    finally:
        for path in added:
            path.unlink(missing_ok=True)
        _remove_empty(made)


def _remove_empty(made: list[Path]) -> None:
    """Removes the folders that were made and hold nothing; `made` names them outermost first."""
    for folder in reversed(made):
        with suppress(OSError):  # not empty: what it was made for stands in it
            folder.rmdir()


def _replace(target: Path, text: str) -> None:
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
    try:
        if mode is not None:
            fresh.touch(mode & 0o600)  # never more open than the old one, not for an instant
        fresh.write_text(text, encoding="utf-8")
        if mode is not None:
            fresh.chmod(mode)
        fresh.replace(target)
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)


def _why(target: Path, failure: OSError) -> str:
    reason = (failure.strerror or "no reason given").lower()
    return f"cannot write `{target.name}` in `{target.parent}`: {reason}; nothing was written"


def _remedy(failure: OSError) -> str:
    if failure.errno in (errno.ENOSPC, errno.EDQUOT):
        return "make room on that disk, or write to another one with -o"
    return "write to a place where you may write with -o"
