"""The child process as its parent sees it: started, asked once within a time, and gone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from netpolicy.node.legacy.unavailable import BackendUnavailableError, WriteDiffersError, WriteRefusedError

# No folder of the caller is searched for modules, and no compiler is on the path: the library would run it to find
# its own libraries.
COMMAND = (sys.executable, "-I", "-W", "ignore", "-m", "netpolicy.node.legacy")
_PATH = "/usr/sbin:/sbin"
_KEPT = ("XTABLES_LOCKFILE", "XTABLES_LIBDIR")
_SAID_LAST = 300
_HINT = "apply without `--via iptc`, which asks the tools instead"


class Child:
    """One process for one question, in the network namespace of the thread that starts it."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                cwd="/",
                env={"PATH": _PATH, "LC_ALL": "C.UTF-8", **environment},
            )
        except OSError as error:
            reason = f"the process for python-iptables cannot be started: {error.strerror}"
            raise BackendUnavailableError(reason, _HINT) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def ask(self, question: dict[str, Any], seconds: float) -> dict[str, Any]:
        """The answer; no answer within the time, a crash and a failure of the library are errors."""
        try:
            answer, said = self.process.communicate(json.dumps(question), timeout=seconds)
        except subprocess.TimeoutExpired:
            self.close()
            reason = f"python-iptables gave no answer within {seconds:g} s"
            raise BackendUnavailableError(
                reason, "read the table before you go on: whether it acted is unknown"
            ) from None
        if self.process.returncode:
            raise BackendUnavailableError(_ended(self.process.returncode, said), _HINT)
        return _understood(answer)

    def close(self) -> None:
        """The process is gone, whether it was asked or not."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None and not stream.closed:
                stream.close()


def _ended(status: int, said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = f": {lines[-1][:_SAID_LAST]}" if lines else ""
    if status < 0:
        return f"the process for python-iptables was ended by {signal.Signals(-status).name}{last}"
    return f"the process for python-iptables ended with {status}{last}"


def _understood(answer: str) -> dict[str, Any]:
    try:
        found = json.loads(answer)
        match found:
            case {"unavailable": [str(reason), str(hint)]}:
                raise BackendUnavailableError(reason, hint)
            case {"refused": [str(reason), str(hint)]}:
                raise WriteRefusedError(reason, hint)
            case {"differs": [*differences]}:
                raise WriteDiffersError(tuple(str(one) for one in differences))
            case {"tables": list()} | {"done": True}:
                return dict(found)
    except ValueError:
        pass
    raise unintelligible()


def unintelligible() -> BackendUnavailableError:
    """The error for an answer that is none."""
    return BackendUnavailableError("the process for python-iptables gave an answer that is not understood", _HINT)
