"""Writes a small policy and cluster to start from; they compile as they are, and their comments teach the language.

With --from it is a shipped cluster instead, which follows a shipped policy. Files that are there are never replaced.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

SUMMARY = "write a policy and a cluster to start from"
EXAMPLES = ("netpolicy init example/", "netpolicy init als/ --from als-three")
CLUSTER, POLICY = "cluster.yaml", "policy.netpol"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", default=".", metavar="DIR", help="where to (default: the current folder)")
    parser.add_argument(
        "--from", dest="shipped", metavar="NAME", help="start from a shipped cluster of that name, such as als-three"
    )


def run(options: argparse.Namespace) -> int:
    """Writes the files, all or none, and says what to do with them."""
    from netpolicy.cli import FINE, UNUSABLE
    from netpolicy.cli.folder import OutputError, write_new

    files = _starter() if options.shipped is None else _shipped(options.shipped)
    if files is None:
        return UNUSABLE
    folder = Path(options.folder)
    try:
        write_new(folder, files)
    except OutputError as failure:
        from netpolicy.cli.tell import tell  # what it imports is large, and is no part of copying two texts
        from netpolicy.diagnostic import error

        tell([error("NP904", str(failure), hint=failure.hint)], options)
        return UNUSABLE
    if not options.quiet:
        print(_next(folder, tuple(files)))
    return FINE


def _starter() -> dict[str, str]:
    from netpolicy.data import STARTER, folder

    texts = folder("rules") / STARTER
    return {name: (texts / name).read_text(encoding="utf-8") for name in (POLICY, CLUSTER)}


def _shipped(name: str) -> dict[str, str] | None:
    """The cluster of that name; None where there is none, which is told."""
    from netpolicy.cli.files import shipped_clusters
    from netpolicy.diagnostic import did_you_mean, one_line

    clusters = shipped_clusters()
    if name in clusters:
        return {CLUSTER: clusters[name].text}
    print(f"error: no shipped cluster `{one_line(name)}`", file=sys.stderr)
    print(f"  = note: shipped are {', '.join(sorted(clusters))}", file=sys.stderr)
    near = did_you_mean(name, clusters) or "leave --from out for a small example"
    print(f"  = hint: {near}", file=sys.stderr)
    return None


def _next(folder: Path, names: tuple[str, ...]) -> str:
    cluster, build = (shlex.quote(str(folder / name)) for name in (CLUSTER, "build"))
    written = " and ".join(str(folder / name) for name in names)
    return f"wrote {written}; now try\n  netpolicy lint {cluster}\n  netpolicy compile {cluster} -o {build}/"
