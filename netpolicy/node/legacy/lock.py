"""The lock that iptables-legacy and its restore take, so that nobody's change is lost."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from netpolicy.node.legacy.unavailable import BackendUnavailableError

VARIABLE = "XTABLES_LOCKFILE"
DEFAULT = "/run/xtables.lock"
_PAUSE = 0.01


@contextmanager
def held(wait: float) -> Iterator[None]:
    """The block runs while no legacy tool writes; a lock not given within `wait` seconds is the error."""
    path = os.environ.get(VARIABLE) or DEFAULT
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        reason = f"the lock `{path}` cannot be opened: {error.strerror}"
        raise BackendUnavailableError(reason, "the legacy tools need it, too: run it as root") from None
    try:
        _take(handle, path, wait)
        yield
    finally:
        os.close(handle)


def _take(handle: int, path: str, wait: float) -> None:
    end = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                reason = f"another program has held the lock `{path}` for {wait:g} s"
                raise BackendUnavailableError(reason, f"`fuser {path}` names it; run again when it has ended") from None
            time.sleep(_PAUSE)
        else:
            return
