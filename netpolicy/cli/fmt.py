"""Lays policies out in the one canonical way; what they mean and every comment stay.

Files are rewritten in place, each whole or not at all; a folder stands for all `.netpol` files below it, and `-` for
standard input, which is written to standard output. A file with an error in its words is not touched.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netpolicy.policy.load import Unreadable
    from netpolicy.source import Source

SUMMARY = "lay policies out canonically"
EXAMPLES = ("netpolicy fmt policy.netpol", "netpolicy fmt .")
_STREAM = "-"
_OTHER_ENDS = (".yaml", ".yml", ".json")


class LayoutError(Exception):
    """A layout would change what a policy says, which is a mistake of ours."""


@dataclass(frozen=True, slots=True)
class _Laid:
    """A policy as it is and in its layout."""

    name: str
    before: str
    after: str

    @property
    def differs(self) -> bool:
        return self.before != self.after


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="FILE.netpol", help="policies, folders, or `-` for standard input")
    dry = parser.add_mutually_exclusive_group()
    dry.add_argument("--check", action="store_true", help="change nothing; list the files that would change, exit 1")
    dry.add_argument("--diff", action="store_true", help="change nothing; show what would change, exit 1 if anything")


def run(options: argparse.Namespace) -> int:
    """Formats, or tells what would change; nothing is written before all files are read."""
    from netpolicy.cli import FINE, UNUSABLE, WRONG
    from netpolicy.cli.tell import many

    if _STREAM in options.paths and len(options.paths) > 1:
        print("error: `-` stands alone\n  = hint: format files and standard input one after the other", file=sys.stderr)
        return UNUSABLE
    laid, refused, status = _all(options)
    differing = [one for one in laid if one.differs]
    if options.check or options.diff:
        _show(differing, options)
        told, changed = "{} of {} would change", len(differing)
        status = max(status, WRONG if differing else FINE)
    elif options.paths == [_STREAM]:
        # A terminal's encoding is not the file's.
        sys.stdout.buffer.write("".join(one.after for one in laid).encode())
        return status
    else:
        told, changed = "formatted {} of {}", _write(differing, options)
        status = max(status, UNUSABLE if changed < len(differing) else FINE)
    outcome = told.format(changed, many(len(laid) + refused, "file"))
    _conclude(outcome + (f"; {many(refused, 'file')} left out" if refused else ""), status, options)
    return status


def _all(options: argparse.Namespace) -> tuple[list[_Laid], int, int]:
    """Every policy without an error, how many are left out, and the worst status."""
    from netpolicy.cli import FINE, UNUSABLE
    from netpolicy.cli.tell import tell, unreadable
    from netpolicy.dsl.format import format, keeps_meaning
    from netpolicy.pipeline import InputError
    from netpolicy.policy.load import Unreadable

    laid: list[_Laid] = []
    refused, status = 0, FINE
    for source in _sources(options.paths):
        if isinstance(source, Unreadable):
            unreadable(InputError(source), options)
            refused, status = refused + 1, UNUSABLE
            continue
        formatted, found = format(source)
        status = max(status, tell(found, options))
        if formatted is None:
            refused += 1
            continue
        if formatted.text != source.text and not keeps_meaning(formatted):
            raise LayoutError(f"the layout of `{source.name}` would change what it says; nothing was written")
        laid.append(_Laid(source.name, _as_it_is(source), formatted.text))
    return laid, refused, status


def _as_it_is(source: Source) -> str:
    """The text with the byte order mark that reading took away."""
    from hashlib import sha256

    whole = sha256(source.text.encode()).hexdigest() == source.digest
    return source.text if whole else "\ufeff" + source.text


def _sources(paths: Sequence[str]) -> Iterator[Source | Unreadable]:
    """The policies that are named, and those in folders that are, each once."""
    from netpolicy.cli.files import read, read_standard_input
    from netpolicy.policy.load import Place, Unreadable

    if list(paths) == [_STREAM]:
        yield read_standard_input()
        return
    seen: set[str] = set()
    for path in paths:
        names = _below(Path(path)) if Path(path).is_dir() else [path]
        if not names:
            yield Unreadable(f"there is no policy below `{path}`", "name a folder with `.netpol` files", "NP901")
        for name in names:
            if name.endswith(_OTHER_ENDS):
                yield Unreadable(f"`{name}` is no policy", "name a file that ends in `.netpol`", "NP901")
            elif name not in seen:
                yield read(Place(name, shipped=False))
            seen.add(name)


def _below(folder: Path) -> list[str]:
    """The policies in a folder and in those below it, hidden ones left out."""
    found = (one for one in folder.rglob("*.netpol") if one.is_file())
    return sorted(str(one) for one in found if not any(part.startswith(".") for part in one.relative_to(folder).parts))


def _write(differing: Sequence[_Laid], options: argparse.Namespace) -> int:
    """Writes each file; answers how many were written."""
    from netpolicy.cli.folder import OutputError, write_file
    from netpolicy.cli.tell import tell
    from netpolicy.diagnostic import error

    written = 0
    for one in differing:
        try:
            write_file(one.name, one.after)
            written += 1
        except OutputError as failure:
            tell([error("NP904", str(failure), hint="make room, or allow writing to its folder")], options)
    return written


def _show(differing: Sequence[_Laid], options: argparse.Namespace) -> None:
    """Prints the names of the files that would change, or how."""
    from netpolicy.cli.tell import colour

    for one in differing:
        if options.check:
            print(one.name)
            continue
        painted = colour(options, sys.stdout)
        for line in _difference(one):
            print(_painted(line) if painted else line)


def _difference(one: _Laid) -> Iterator[str]:
    from difflib import unified_diff

    for line in unified_diff(_lines(one.before), _lines(one.after), one.name, one.name, lineterm=""):
        yield line.removesuffix("\n")
        if not line.endswith("\n") and line[0] in " +-" and not line.startswith(("--- ", "+++ ")):
            yield "\\ No newline at end of file"


def _lines(text: str) -> list[str]:
    """The lines with their ends; only `\\n` ends one."""
    *whole, last = text.split("\n")
    return [f"{line}\n" for line in whole] + ([last] if last else [])


def _painted(line: str) -> str:
    """The line for a terminal, in a colour and without what a terminal would obey."""
    shown = "".join(one if one.isprintable() or one == "\t" else "\N{REPLACEMENT CHARACTER}" for one in line)
    tint = {"+": "32", "-": "31", "@": "36"}.get(line[:1])
    return f"\x1b[{tint}m{shown}\x1b[0m" if tint else shown


def _conclude(outcome: str, status: int, options: argparse.Namespace) -> None:
    """Says how many files there were: silence is mistaken for having looked at nothing."""
    from netpolicy.cli import FINE

    if status != FINE:
        print(outcome, file=sys.stderr)
    elif not options.quiet:
        print(outcome)
