"""Checks a cluster and its policy: language, names, addresses, every promise (never, expect, require …), hygiene.

It looks for what is open to the world, for statements that shadow others, and for what nobody answers for.
A finding is suppressed by a comment, `# netpolicy: ignore[NP401] until 2027-06-30 "why"`; what was there before by a
baseline. With `--fix` what is needless goes, where that is proved to change nothing for any packet.
"""

from __future__ import annotations

import argparse

SUMMARY = "check a cluster and its policy"
EXAMPLES = (
    "netpolicy lint cluster.yaml --fail-on warning --as-of 2027-01-31",
    "netpolicy lint cluster.yaml --format github --report sarif:lint.sarif --report junit:lint.xml",
)
BARS = ("error", "warning", "notice")
PROFILES = ("minimal", "standard", "production")


def configure(parser: argparse.ArgumentParser) -> None:
    from pkgutil import iter_modules

    from netpolicy.cli.options import add_config, add_day
    from netpolicy.cli.reporting import add_reports
    from netpolicy.data import PACKAGE

    formats = sorted(one.name for one in iter_modules([str(PACKAGE / "report" / "lint")]))
    parser.add_argument(
        "clusters", nargs="*", metavar="CLUSTER.yaml", help="cluster files (default: those of the configuration)"
    )
    parser.add_argument("--profile", choices=PROFILES, help="how much is asked (default: standard)")
    parser.add_argument(
        "--fail-on",
        choices=BARS,
        help="what makes the exit status 1: an error (default), a warning too, or any finding",
    )
    parser.add_argument("--baseline", metavar="FILE", help="leave out the findings that this file lists")
    parser.add_argument(
        "--write-baseline", metavar="FILE", help="write the findings that stand to this file, as a baseline"
    )
    parser.add_argument(
        "--fix", action="store_true", help="remove what is needless, where every packet fares as before"
    )
    parser.add_argument("--diff", action="store_true", help="show what --fix would change, change nothing")
    add_reports(parser, formats, "text")
    add_config(parser)
    add_day(parser)
    parser.set_defaults(usage_error=parser.error)


def run(options: argparse.Namespace) -> int:
    """Lints each cluster; the worst status is the answer."""
    from netpolicy.cli import FINE, UNUSABLE, WRONG
    from netpolicy.cli.config import ConfigError
    from netpolicy.cli.linting import Linting
    from netpolicy.cli.reporting import write_reports
    from netpolicy.cli.tell import tell

    try:
        linting = Linting.of(options)
    except ConfigError as failure:
        tell(failure.found, options)
        return UNUSABLE
    status = linting.fix() if options.fix or options.diff else FINE
    if options.diff and not linting.blocked:
        return status
    unusable = max(linting.write_baseline(), write_reports(options, linting.written))
    if not options.output:
        linting.show()
    return max(unusable, status, UNUSABLE if linting.unreadable else FINE, WRONG if linting.lint().failed else FINE)
