"""Enters a network namespace that is there already; none is ever made."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

MADE = Path("/run/netns")
_CLONE_NEWNET = 0x40000000
OWN = "/proc/thread-self/ns/net"


class NamespaceError(Exception):
    """The namespace cannot be entered; `hint` says what to do."""

    def __init__(self, why: str, hint: str) -> None:
        super().__init__(why)
        self.hint = hint


@contextmanager
def entered(name: str | None) -> Iterator[None]:
    """The block runs in the namespace of that name, or where it was when it is None; then back."""
    if name is None:
        yield
        return
    with ExitStack() as stack:
        stack.callback(os.close, handle := _opened(name))
        try:
            stack.callback(os.close, home := os.open(OWN, os.O_RDONLY | os.O_CLOEXEC))
            enter(handle)
        except OSError as failure:
            why = f"network namespace `{name}` cannot be entered: {_reason(failure)}"
            raise NamespaceError(why, _hint(failure)) from None
        stack.callback(enter, home)
        yield


def _opened(name: str) -> int:
    there = sorted(path.name for path in MADE.iterdir()) if MADE.is_dir() else []
    if name in ("", ".", "..") or "/" in name or "\0" in name or name not in there:
        several = f"there are {', '.join(there[:8])}{' …' if len(there) > 8 else ''}" if there else "there is none"
        raise NamespaceError(f"there is no network namespace `{name}`", f"{several}; `ip netns add` makes one")
    try:
        return os.open(MADE / name, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as failure:
        why = _reason(failure)
        raise NamespaceError(f"network namespace `{name}` cannot be opened: {why}", _hint(failure)) from None


def enter(handle: int) -> None:
    """This thread is in the namespace that the handle is open on; else an OSError."""
    libc = ctypes.CDLL(None, use_errno=True)  # os.setns came with Python 3.12
    if libc.setns(handle, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _hint(failure: OSError) -> str:
    return "only root may enter a namespace" if failure.errno in (errno.EPERM, errno.EACCES) else ""


def _reason(failure: OSError) -> str:
    return (failure.strerror or "no reason given").lower()
