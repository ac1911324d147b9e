"""Compares what the kernel holds with what this node must hold, by meaning: rules, their order, jumps and sets.

Without a build or a cluster it compares with what was applied last. Nothing is changed, and nothing is made. With
`--dump` no kernel is asked: saved texts of iptables-save, ip6tables-save (`-c` keeps the counters) and ipset save are.
Exit status: 0 no drift (warnings tell what others refuse), 1 drift, 2 unreadable, a privilege or a tool is missing, or
this machine is another node.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netpolicy.node.bundle import Bundle
    from netpolicy.node.drift import Drift, Held
    from netpolicy.source import Source

SUMMARY = "compare what the kernel holds with what it must hold"
EXAMPLES = (
    "netpolicy drift --build build/ --hits",
    "netpolicy drift --cluster cluster.yaml --node core --dump saved/ --format json",
)
_BACKENDS = ("auto", "iptables-legacy", "iptables-nft")
STATE = "/var/lib/netpolicy"
_TEXTS = ("rules.v4", "rules.v6", "sets.ipset")


def configure(parser: argparse.ArgumentParser) -> None:
    wanted = parser.add_mutually_exclusive_group()
    wanted.add_argument("--build", metavar="DIR", help="compare with this build folder")
    wanted.add_argument("--cluster", metavar="CLUSTER.yaml", help="compare with what this cluster file compiles to")
    parser.add_argument(
        "--node",
        default="",
        metavar="NAME",
        help="the node; `self` is the one whose addresses this machine holds (default: the only one that is there; of"
        " several the one that was applied last, else `self`; for a dump it must be named)",
    )
    parser.add_argument(
        "--state", default=STATE, metavar="DIR", help=f"what was applied last is kept here (default: {STATE})"
    )
    parser.add_argument(
        "--dump", metavar="DIR", help="read rules.v4, rules.v6 and sets.ipset in this folder instead of the kernel"
    )
    for option, what in (("v4", "iptables-save"), ("v6", "ip6tables-save"), ("sets", "ipset save")):
        parser.add_argument(f"--dump-{option}", metavar="FILE", help=f"what `{what}` printed")
    parser.add_argument(
        "--backend", choices=_BACKENDS, default="auto", help="whose rules to read (default: where ours are)"
    )
    parser.add_argument("--hits", action="store_true", help="show how often each statement was met")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")


def run(options: argparse.Namespace) -> int:
    """Prints what differs; with what cannot be read, why."""
    from netpolicy.cli import UNUSABLE, WRONG
    from netpolicy.cli.tell import stop, tell
    from netpolicy.node.document import document
    from netpolicy.node.drift import drift
    from netpolicy.node.stopped import StoppedError

    try:
        bundle = _wanted(options)
        held = _held(options, inventory=bool(bundle.ruleset.sets))
    except StoppedError as stopped:
        stop(stopped.found, options, "unusable", in_force=None)
        return UNUSABLE
    one = drift(held, bundle)
    if options.format == "json":
        _print_json(document(one, with_hits=options.hits))
    else:
        tell(one.found, options, as_given=True)
        _print_text(one, options)
    return 0 if one.in_force else WRONG


# What must be held.


def _wanted(options: argparse.Namespace) -> Bundle:
    """The ruleset of the node. A live kernel is compared with that of its own node alone, else we are stopped."""
    from netpolicy.cli.node_rules import SELF, must_be_here

    bundle = _named(options)
    if not _is_dump(options) and options.node != SELF:
        must_be_here(bundle.identity)
    return bundle


def _named(options: argparse.Namespace) -> Bundle:
    from netpolicy.cli.node_rules import SELF, applied, applied_node, compiled, from_build

    if not (options.cluster or options.build):
        return applied(options.state, options.node)
    otherwise = "" if _is_dump(options) else applied_node(options.state) or SELF
    if options.cluster:
        return compiled(options.cluster, options.node, otherwise=otherwise)
    return from_build(options.build, options.node, otherwise)


# What is held.


def _held(options: argparse.Namespace, *, inventory: bool) -> Held:
    """What the kernel holds, or the saved texts; `inventory` asks for the text of the sets too."""
    from netpolicy.node.drift import of_kernel, of_texts
    from netpolicy.node.stopped import Ending, StoppedError

    given = (options.dump_v4, options.dump_v6, options.dump_sets)
    if not _is_dump(options):
        from netpolicy.node.backend import Backend
        from netpolicy.node.host import Host

        asked = None if options.backend == "auto" else Backend(options.backend)
        return of_kernel(Host(), asked, sets=inventory, named=True)
    paths = [
        Path(file) if file else Path(options.dump, name) if options.dump else None
        for file, name in zip(given, _TEXTS, strict=True)
    ]
    sources = [_saved(path, name, inventory or name != _TEXTS[2]) for path, name in zip(paths, _TEXTS, strict=True)]
    held, problems = of_texts(*sources)
    if problems:
        raise StoppedError(Ending.UNUSABLE, *problems)
    return held


def _is_dump(options: argparse.Namespace) -> bool:
    return bool(options.dump or options.dump_v4 or options.dump_v6 or options.dump_sets)


def _saved(path: Path | None, name: str, needed: bool) -> Source:
    """A saved text. One that is needed and not there stops us: what was not compared must not look right."""
    from netpolicy.diagnostic import error
    from netpolicy.node.stopped import Ending, StoppedError
    from netpolicy.source import Source

    if path is None or not (needed or path.exists()):
        if needed:
            hint = f"name a folder that has `{name}` with `--dump`, or its file"
            raise StoppedError(Ending.UNUSABLE, error("NP818", f"the dump has no `{name}`", hint=hint))
        return Source(name, "")
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as failure:
        why = (failure.strerror or "no reason given").lower()
        hint = "a dump has rules.v4 of iptables-save, rules.v6 of ip6tables-save and sets.ipset of ipset save"
        found = error("NP818", f"`{path}` cannot be read: {why}", hint=hint)
        raise StoppedError(Ending.UNUSABLE, found) from None
    return Source(str(path), text)


# What is said.


def _print_json(tree: Mapping[str, Any]) -> None:
    import json

    print(json.dumps(tree, indent=1, sort_keys=True))


def _print_text(one: Drift, options: argparse.Namespace) -> None:
    if options.hits:
        _print_hits(one)
    if not options.quiet or not one.in_force:
        print(_said(one))


def _print_hits(one: Drift) -> None:
    import shutil

    from netpolicy.node.document import flow_of
    from netpolicy.report.hits import as_table

    if one.hits is None:
        print(f"no hits: {one.no_hits}", file=sys.stderr)
        return
    texts = one.bundle.statements
    rows = [
        (hit.packets, hit.octets, ", ".join(hit.statements), flow_of(hit.statements, texts, with_place=True))
        for hit in one.hits
    ]
    print(as_table(rows, shutil.get_terminal_size((120, 50)).columns))


def _said(one: Drift) -> str:
    from netpolicy.cli.tell import many
    from netpolicy.diagnostic import counted

    counts = one.compared
    size = ", ".join(
        (
            many(counts["families"], "family", "families"),
            *(many(counts[name], name[:-1]) for name in ("chains", "rules", "sets")),
        )
    )
    differ = counted(one.found)
    state = "as it must be" if one.in_force else "DRIFT"
    now = "/".join(dict.fromkeys(live or "none" for _, live in one.generations.values()))
    backend = f"backend {one.held.backend}, " if one.held.backend else ""
    told = f" ({differ})" if differ else ""
    return f"{one.bundle.identity.node}: {size}: {state}{told}; {backend}generation {now}"
