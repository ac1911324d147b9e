"""Who changed which lines last, as git tells it; nothing where there is no git, or the file is in no repository."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from netpolicy.data import folder
from netpolicy.report.audit.model import LastChange, Revision
from netpolicy.source import Source, Span

_PATIENCE = 60
_LINE = re.compile(rb"([0-9a-f]{40,64}) \d+ (\d+)(?: \d+)?")


@dataclass(frozen=True, slots=True)
class _Line:
    """The commit of a line; `second` is when it was committed, 0 where it is not."""

    second: int
    change: LastChange


class Blame:
    """Asks git about some files, all at once, and answers when it is asked."""

    def __init__(self, sources: Iterable[tuple[Source, bool]]) -> None:
        """Begins to ask; each source is shipped with the product, or not."""
        self._asked: dict[Source, subprocess.Popen[bytes]] = {}
        for source, shipped in sources:
            path = folder("rules") / source.name if shipped else Path(source.name)
            command = ("git", "-C", str(path.absolute().parent), "blame", "--porcelain", "--", path.name)
            with suppress(OSError):
                self._asked[source] = subprocess.Popen(
                    command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
                )

    def of(self, spans: Iterable[Span]) -> dict[Span, LastChange]:
        """The newest change of the lines of each span; one that is in no repository is not there."""
        lines: dict[Source, Mapping[int, _Line]] = {}
        for source, asked in self._asked.items():
            try:
                out, _ = asked.communicate(timeout=_PATIENCE)
            except subprocess.TimeoutExpired:
                asked.kill()
                asked.communicate()
                continue
            if not asked.returncode:
                lines[source] = _lines(out)
        return {span: change for span in spans if (change := _newest(span, lines.get(span.source, {}))) is not None}


def revision(path: str, inputs: Iterable[str]) -> Revision | None:
    """The commit of the repository that the path lies in, and whether one of the inputs in it is not as committed."""
    home = str(Path(path).absolute().parent)
    commit, root = _said(home, "rev-parse", "HEAD"), _said(home, "rev-parse", "--show-toplevel")
    if commit is None or root is None:
        return None
    paths = (Path(one).absolute() for one in inputs)
    inside = [str(one) for one in paths if one.parent.resolve().is_relative_to(Path(root.strip()).resolve())]
    status = _said(home, "status", "--porcelain", "--untracked-files=all", "--", *inside) if inside else ""
    return Revision(commit.strip(), dirty=status is None or bool(status.strip()))


def _said(folder: str, *words: str) -> str | None:
    try:
        ended = subprocess.run(
            ("git", "-C", folder, *words), capture_output=True, check=False, timeout=_PATIENCE, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if ended.returncode else ended.stdout.decode("utf-8", "surrogateescape")


def _lines(out: bytes) -> dict[int, _Line]:
    """The lines of `git blame --porcelain` by number: a commit is described where it is met first."""
    commits: dict[bytes, dict[str, str]] = {}
    found: dict[int, bytes] = {}
    about: dict[str, str] = {}
    for line in out.split(b"\n"):
        if line.startswith(b"\t"):
            continue
        if head := _LINE.fullmatch(line):
            about = commits.setdefault(head[1], {})
            found[int(head[2])] = head[1]
        else:
            key, _, value = line.decode("utf-8", "replace").partition(" ")
            about[key] = value
    return {number: _line(commit.decode(), commits[commit]) for number, commit in found.items()}


def _line(commit: str, about: Mapping[str, str]) -> _Line:
    if not commit.strip("0"):
        return _Line(0, LastChange())
    second = int(about["committer-time"])
    day = datetime.fromtimestamp(second, UTC).date().isoformat()
    return _Line(second, LastChange(commit, day, about["author"]))


def _newest(span: Span, lines: Mapping[int, _Line]) -> LastChange | None:
    """The newest of the lines that the span touches: what is not committed is newer than all."""
    first, last = span.line, span.source.position(max(span.start, span.end - 1))[0]
    met = [lines[number] for number in range(first, last + 1) if number in lines]
    if not met:
        return None
    return next((one.change for one in met if not one.second), max(met, key=lambda one: one.second).change)
