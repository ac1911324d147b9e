"""The machine that we are on: its programs and its files, in the network namespace of this process.

Whoever works on another namespace (a rehearsal, a test) brings a `Host` of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from netpolicy.diagnostic import error, one_line
from netpolicy.node.stopped import Ending, StoppedError

if TYPE_CHECKING:
    from netpolicy.node.legacy import Voice

_SYSTEM = ("/usr/sbin", "/sbin", "/usr/bin", "/bin")
_PACKAGES = {"conntrack": "conntrack", "ipset": "ipset", "nft": "nftables", "ssh-keygen": "openssh-client"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program said."""

    status: int
    out: str
    err: str

    @property
    def why(self) -> str:
        """Its own words, in one line."""
        return one_line(" ".join(self.err.split())) or f"it ended with {self.status} and said nothing"


class Host:
    """Runs programs and reads files here."""

    def run(self, *command: str, text: str = "", within: float = 60.0) -> Answer:
        """What the program said, given `text`. One that is not there or does not end in time stops us."""
        self.need(command[0])
        program = shutil.which(command[0], path=_path()) or command[0]
        try:
            done = subprocess.run(
                (program, *command[1:]),
                input=text.encode("utf-8", "surrogateescape"),
                env=self.environment(),
                capture_output=True,
                timeout=within,
                check=False,
            )
        except subprocess.TimeoutExpired:
            message = f"`{' '.join(command)}` did not end within {within:g} s"
            ending = Ending.UNUSABLE if _reads(command) else Ending.UNKNOWN
            raise StoppedError(ending, error("NP753", message, hint="it was killed; see what held it")) from None
        except OSError as failure:
            message = f"`{command[0]}` cannot be run: {(failure.strerror or 'no reason given').lower()}"
            raise StoppedError(Ending.UNUSABLE, error("NP753", message)) from None
        return Answer(
            done.returncode, done.stdout.decode("utf-8", "surrogateescape"), done.stderr.decode("utf-8", "replace")
        )

    def environment(self) -> dict[str, str]:
        """The environment that programs run in."""
        return {**os.environ, "LC_ALL": "C", "PATH": _path()}

    def has(self, program: str) -> bool:
        """True when that program is installed."""
        return shutil.which(program, path=_path()) is not None

    def read(self, path: str) -> str | None:
        """What a small file holds; None when there is none. One that may not be read stops us."""
        try:
            return Path(path).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None
        except OSError as failure:
            message = f"`{path}` cannot be read: {(failure.strerror or 'no reason given').lower()}"
            raise StoppedError(Ending.UNUSABLE, error("NP753", message, hint=AS_ROOT)) from None

    def hidden(self) -> list[str]:
        """Why `iptables-nft-save` does not print all that its tables hold; empty where it does."""
        from netpolicy.node.nftables import hidden

        try:
            return hidden()
        except ImportError:
            hint = "install it with `pip install 'netpolicy[node]'`"
            raise StoppedError(Ending.UNUSABLE, error("NP753", "pyroute2 is not installed", hint=hint)) from None
        except OSError as failure:
            why = os.strerror(failure.errno or 0).lower()
            message = f"the kernel does not tell the tables of nftables: {why}"
            raise StoppedError(Ending.UNUSABLE, error("NP766", message, hint=AS_ROOT)) from None

    def voice(self) -> Voice:
        """python-iptables, in a process of its own; BackendUnavailableError when that cannot be started."""
        from netpolicy.node.legacy import start_voice

        return start_voice()

    def need(self, program: str) -> None:
        """That program is installed, or we are stopped."""
        if not self.has(program):
            package = _PACKAGES.get(program, "iptables")
            hint = f"install it, for example with `apt-get install {package}`"
            raise StoppedError(Ending.UNUSABLE, error("NP753", f"`{program}` is not installed", hint=hint))


AS_ROOT = "run it as root"


def _reads(command: tuple[str, ...]) -> bool:
    """True for what only looks, so that nothing is left half done when it is killed."""
    return command[0].endswith("-save") or command[1:2] in {("save",), ("list",)}


def _path() -> str:
    """The path, with the places that users' paths often lack."""
    own = os.environ.get("PATH", "")
    return os.pathsep.join([*([own] if own else []), *_SYSTEM])
