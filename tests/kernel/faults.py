"""What goes wrong on a host: a lock that another program holds, a tool that fails, a disk that is full.

All of it is gone when its block ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

TOOLS = tuple(
    f"{table}-{backend}-{verb}"
    for table in ("iptables", "ip6tables")
    for backend in ("legacy", "nft")
    for verb in ("restore", "save")
)
WRAPPED = (*TOOLS, "iptables", "ip6tables", "ipset", "nft", "conntrack")
Way = Literal["fails", "hangs", "is silent", "prints half", "fails after all", "is killed"]
_RUNAWAY = 600


@dataclass(frozen=True, slots=True)
class Fault:
    """What befalls one call of a tool, counted from 1 among the calls whose arguments contain `about`."""

    call: int
    way: Way
    about: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool: its name, its arguments, and what it was given to read."""

    tool: str
    arguments: tuple[str, ...]
    text: str

    @property
    def writes(self) -> bool:
        """True when it changes what the kernel holds, or could."""
        words = set(self.arguments)
        if self.tool.endswith("-restore"):
            return not words & {"-t", "--test"}
        if self.tool.endswith("-save"):
            return False
        first = self.arguments[0] if self.arguments else ""
        if self.tool == "ipset":
            return first not in ("save", "list", "-L", "version", "-v", "--version")
        if self.tool == "nft":
            return not words & {"list", "monitor", "-c", "--check", "--version", "-v"}
        if self.tool == "conntrack":
            return not words & {"-L", "-C", "-S", "--version"}
        return not words & {"-S", "-L", "-C", "--version", "-V"}


class Tools:
    """A folder of tools that goes before all others in PATH: they do what the real ones do, but tell, and may fail."""

    def __init__(self, folder: Path, faults: Mapping[str, Fault] | None = None) -> None:
        self.folder = folder
        self.notes = folder / "calls"
        self.notes.mkdir(parents=True)
        faults = faults or {}
        assert faults.keys() <= set(WRAPPED), f"no such tool: {faults.keys() - set(WRAPPED)}"
        for tool in WRAPPED:
            real = shutil.which(tool)
            assert real is not None, f"{tool} is not installed"
            script = folder / tool
            script.write_text(_script(tool, real, self.notes, faults.get(tool)), encoding="utf-8")
            script.chmod(0o755)

    @property
    def path(self) -> str:
        """The value for PATH."""
        return f"{self.folder}{os.pathsep}{os.environ['PATH']}"

    @property
    def calls(self) -> tuple[Call, ...]:
        """What was called, in the order of beginning."""
        found = []
        for note in sorted(self.notes.glob("*.call"), key=lambda path: int(path.stem)):
            tool, *arguments = note.read_text(encoding="utf-8").removesuffix("\0").split("\0")
            given = note.with_suffix(".stdin")
            found.append(Call(tool, tuple(arguments), given.read_text("utf-8") if given.exists() else ""))
        return tuple(found)

    @property
    def writes(self) -> tuple[Call, ...]:
        """The calls that may have changed the kernel."""
        return tuple(call for call in self.calls if call.writes)

    @property
    def struck(self) -> bool:
        """True when a fault has befallen a call."""
        return any(self.notes.glob("*.fault"))


_SCRIPT = """#!/bin/sh
notes={notes}
n=1
until mkdir "$notes/$n.taken" 2>/dev/null; do n=$((n + 1)); done
printf '%s\\0' {tool} "$@" >"$notes/$n.part"
mv "$notes/$n.part" "$notes/$n.call"
real={real}
if [ {reads} = yes ]; then cat >"$notes/$n.stdin"; else : >"$notes/$n.stdin"; fi
case " $* " in
*{about}*)
    k=1
    until mkdir "$notes/{tool}.$k" 2>/dev/null; do k=$((k + 1)); done
    if [ "$k" = {call} ]; then
        : >"$notes/$n.fault"
        {strike}
    fi
    ;;
esac
exec "$real" "$@" <"$notes/$n.stdin"
"""
_STRIKES: dict[Way, str] = {
    "fails": 'echo "made to fail" >&2; exit 1',
    "hangs": f"exec sleep {_RUNAWAY}",
    "is silent": "exit 0",
    "prints half": '"$real" "$@" <"$notes/$n.stdin" >"$notes/$n.out" || exit; '
    'head -c $(($(wc -c <"$notes/$n.out") / 2)) "$notes/$n.out"; exit 0',
    "fails after all": '"$real" "$@" <"$notes/$n.stdin"; echo "made to fail after its work" >&2; exit 1',
    "is killed": "kill -KILL $$",
}


def _script(tool: str, real: str, notes: Path, fault: Fault | None) -> str:
    reads = tool.endswith("-restore") or tool in ("ipset", "nft")
    return _SCRIPT.format(
        notes=shlex.quote(str(notes)),
        tool=tool,
        real=shlex.quote(real),
        reads="yes" if reads else "no",
        about=shlex.quote(fault.about) if fault and fault.about else "",
        call=fault.call if fault else 0,
        strike=_STRIKES[fault.way] if fault else ":",
    )


@contextmanager
def held(lock: str) -> Iterator[None]:
    """Another program holds the lock of the xtables tools during the block."""
    with Path(lock).open("a", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


@contextmanager
def held_for(lock: str, seconds: float) -> Iterator[None]:
    """Another program holds the lock, and gives it up after some seconds or with the end of the block."""
    # It becomes the sleeping program itself, so that no child keeps the lock when it is killed.
    holder = subprocess.Popen(("flock", "--no-fork", lock, "sleep", str(seconds)))
    try:
        while _is_free(lock):
            assert holder.poll() is None, "the holder of the lock has gone"
            time.sleep(0.005)
        yield
    finally:
        holder.kill()
        holder.wait()


def _is_free(lock: str) -> bool:
    with Path(lock).open("a", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


# A mount of a namespace that ends with the command: nothing is left, and nobody else sees it.
_ON_FULL_DISK = """
set -e
cp -a "$1/." "$2"
mount -t tmpfs -o size="$3" none "$1"
cp -a "$2/." "$1"
dd if=/dev/zero of="$1/ballast" bs=4096 2>/dev/null || true
shift 3
exec "$@"
"""


@contextmanager
def full_disk(folder: Path, size: str = "256k") -> Iterator[tuple[str, ...]]:
    """Words to put before a command, which then finds what is in `folder` there, and not a byte of room for more."""
    aside = folder.with_name(f"{folder.name}-aside")
    aside.mkdir()
    try:
        private = ("unshare", "--mount", "--propagation", "private", "sh", "-c", _ON_FULL_DISK, "sh")
        yield (*private, str(folder), str(aside), size)
    finally:
        shutil.rmtree(aside)
