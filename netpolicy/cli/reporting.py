"""Where the report of a command goes: to stdout or a file in one format, and to more files in others."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Report:
    """A format, and the file that a report in it goes to."""

    format: str
    file: str


def add_reports(parser: argparse.ArgumentParser, formats: Sequence[str], default: str) -> None:
    """Adds `--format`, `--output` and a repeatable `--report FORMAT:FILE`."""

    def report(text: str) -> Report:
        name, colon, file = text.partition(":")
        if not colon or not file:
            raise argparse.ArgumentTypeError(f"`{text}` is no FORMAT:FILE, such as `{formats[0]}:report.{formats[0]}`")
        if name not in formats:
            raise argparse.ArgumentTypeError(f"there is no format `{name}` (one of {', '.join(formats)})")
        return Report(name, file)

    parser.add_argument("--format", choices=formats, default=default, help=f"default: {default}")
    parser.add_argument("-o", "--output", metavar="FILE", help="write there instead of stdout")
    parser.add_argument(
        "--report",
        type=report,
        action="append",
        default=[],
        metavar="FORMAT:FILE",
        help="write a report in this format to a file, too (repeatable)",
    )
    parser.set_defaults(formats=tuple(formats), of_text=report)


def clashing(options: argparse.Namespace) -> str:
    """The file that two reports of a command would go to; empty where there is none."""
    files = [one.file for one in options.report] + ([options.output] if options.output else [])
    places = [Path(file).resolve() for file in files]
    return next((file for at, file in enumerate(files) if places[at] in places[:at]), "")


def write_reports(options: argparse.Namespace, write: Callable[[str], str]) -> int:
    """Writes every report that is asked for, each format made once; answers the exit status of that alone.

    What cannot be written is told, and keeps no other report from being written.
    """
    from netpolicy.cli import FINE, UNUSABLE
    from netpolicy.cli.folder import OutputError, write_file
    from netpolicy.cli.tell import tell
    from netpolicy.diagnostic import error

    made: dict[str, str] = {}
    status = FINE
    output = [Report(options.format, options.output)] if options.output else []
    for one in (*options.report, *output):
        made.setdefault(one.format, write(one.format))
        try:
            write_file(one.file, made[one.format])
        except OutputError as failure:
            tell([error("NP904", str(failure), hint=failure.hint)], options)
            status = UNUSABLE
    return status
