"""Prints the page of a code: what it means, why it is told, how to fix it, examples, and who else asks for it."""

from __future__ import annotations

import argparse
import sys

SUMMARY = "explain a code such as NP112"
EXAMPLES = ("netpolicy explain NP112 NP505", "netpolicy explain --schema lint")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("codes", nargs="*", metavar="CODE", help="codes to explain; without one, all are listed")
    parser.add_argument("--schema", metavar="NAME", help="print the JSON Schema of a report: audit, diff, lint")


def run(options: argparse.Namespace) -> int:
    """Prints the pages; an unknown code is a usage error."""
    from netpolicy.cli import FINE, UNUSABLE
    from netpolicy.diagnostic import did_you_mean, one_line
    from netpolicy.pages import codes, page, standards, title

    if options.schema is not None:
        return _schema(options.schema)
    if not options.codes:
        for code in codes():
            print(f"{code}  {title(code)}")
        return FINE
    status, printed = FINE, False
    for code in options.codes:
        text = page(code.upper())
        if text is None:
            alike = [one for one in codes() if one.startswith(code[:4].upper()) or one.endswith(code)]
            hint = did_you_mean(code, alike) or "run `netpolicy explain` for all codes"
            print(f"error: no code `{one_line(code)}`\n  = hint: {hint}", file=sys.stderr)
            status = UNUSABLE
        else:
            print("\n" * printed + text.rstrip())
            if asked := standards(code.upper()):
                print(f"\nAsked for by {', '.join(asked)}.")
            printed = True
    return status


def _schema(name: str) -> int:
    from netpolicy.cli import FINE, UNUSABLE
    from netpolicy.data import folder
    from netpolicy.diagnostic import did_you_mean, one_line

    schemas = {path.stem: path for path in sorted(folder("schemas").glob("*.json"))}
    if name in schemas:
        print(schemas[name].read_text(encoding="utf-8"), end="")
        return FINE
    hint = did_you_mean(name, schemas) or f"one of {', '.join(schemas)}"
    print(f"error: no report `{one_line(name)}` has a schema\n  = hint: {hint}", file=sys.stderr)
    return UNUSABLE
