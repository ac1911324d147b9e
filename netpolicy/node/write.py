"""Gives restore texts to the kernel. A text is one transaction: it is wholly in force, or not at all."""

from __future__ import annotations

import os
from typing import Protocol

from netpolicy.diagnostic import Diagnostic, error
from netpolicy.node.backend import Backend
from netpolicy.node.host import AS_ROOT, Answer, Host
from netpolicy.node.stopped import Ending, StoppedError
from netpolicy.packet.addresses import Family

LOCK_HELD = "Another app is currently holding the xtables lock"
_PATIENCE = 60.0


class Writer(Protocol):
    """Whatever writes the filter table of a family: `--noflush` restore text in one transaction."""

    backend: Backend

    def write(self, family: Family, text: str) -> None: ...


class Restore:
    """Writes by `iptables-restore`; `wait` is how many seconds it waits for the lock of the legacy tools."""

    def __init__(self, host: Host, backend: Backend, wait: int) -> None:
        self.host, self.backend, self.wait = host, backend, wait

    def write(self, family: Family, text: str) -> None:
        tool = self.backend.tool(family, "restore")
        seconds = str(max(self.wait, 1))  # `-w 0` waits without end
        answer = self.host.run(tool, "--noflush", "-w", seconds, text=text, within=self.wait + _PATIENCE)
        if answer.status:
            raise StoppedError(Ending.REFUSED, refused(tool, answer, self.wait))


class Iptc:
    """Writes by python-iptables, which reads back what it wrote; only on a legacy host."""

    backend = Backend.LEGACY

    def __init__(self, wait: int) -> None:
        self.wait = wait

    def write(self, family: Family, text: str) -> None:
        from netpolicy.node.legacy import (
            BackendUnavailableError,
            WriteDiffersError,
            WriteRefusedError,
            write_legacy,
        )

        try:
            write_legacy(family, text, self.wait, _PATIENCE)
        except BackendUnavailableError as failure:
            found = error("NP753", failure.reason, hint=failure.hint)
            raise StoppedError(Ending.UNUSABLE, found) from None
        except WriteRefusedError as failure:
            code = "NP754" if "lock" in failure.reason else "NP760"
            raise StoppedError(Ending.REFUSED, error(code, failure.reason, hint=failure.hint)) from None
        except WriteDiffersError as failure:
            message = "python-iptables reads other rules than it has written"
            hint = "does another program change our chains at the same time?"
            found = error("NP761", message, hint=hint, notes=failure.differences)
            raise StoppedError(Ending.REFUSED, found) from None


def write_sets(host: Host, text: str) -> None:
    """The sets are made and filled; a text that fails may be half in force, which no rule sees."""
    answer = host.run("ipset", "restore", text=text)
    if answer.status:
        hint = "does this kernel have ipset? `netpolicy compile --sets inline` needs none"
        raise StoppedError(Ending.REFUSED, error("NP760", f"`ipset restore` failed: {answer.why}", hint=hint))


def refused(tool: str, answer: Answer, wait: int) -> Diagnostic:
    """Why the kernel does not hold a text."""
    if LOCK_HELD in answer.err:
        lock = os.environ.get("XTABLES_LOCKFILE", "/run/xtables.lock")
        hint = f"see who holds it (`fuser {lock}`), or give `--wait` more seconds"
        return error("NP754", f"another program held the lock of iptables for {wait} seconds", hint=hint)
    denied = "ermission denied" in answer.err or "not permitted" in answer.err
    hint = AS_ROOT if denied else f"has this kernel all that the rules use? `{tool} --test` tells without a change"
    return error("NP760", f"`{tool}` failed: {answer.why}", hint=hint)
