"""Makes the kernel of a node hold exactly its ruleset, in both families, or tells what that would change.

preview  tells what would change; nothing is written (what runs when nothing else is named)
apply    brings the rules into force; where they are in force already, nothing is written
status   tells what was applied last, and whether it is in force

The machine must be the node: its interfaces hold the addresses that the cluster declares. Rules, chains and sets of
others are left as they are. Exit status: 0 in force, 1 refused with the kernel untouched (of preview and status: not in
force), 2 unreadable, or a privilege or a tool is missing, 3 the old rules were put back, 4 nobody knows.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from netpolicy.diagnostic import Diagnostic
    from netpolicy.node.apply import Result
    from netpolicy.node.bundle import Bundle, StatementText
    from netpolicy.node.preview import Preview

SUMMARY = "make the kernel of this node hold exactly its ruleset"
EXAMPLES = (
    "netpolicy apply-rules preview --build build/",
    "netpolicy apply-rules apply --cluster cluster.yaml",
)
FORMAT_VERSION = 1
_HOLDS = {
    "REFUSED": "nothing was changed: the kernel holds what it held before",
    "UNUSABLE": "nothing was changed: the kernel holds what it held before",
    "ROLLED_BACK": "the rules are those from before this apply, in both families",
}
_LONGEST_WAIT = 600
_NAMES = ("build", "cluster", "node", "allowed-signers", "signer", "state")
_MOST = 200


def configure(parser: argparse.ArgumentParser) -> None:
    from netpolicy.cli.options import serial

    parser.add_argument("verb", nargs="?", choices=("preview", "apply", "status"), default="preview", help="see above")
    wanted = parser.add_mutually_exclusive_group()
    wanted.add_argument("--build", metavar="DIR", help="what `netpolicy compile` wrote")
    wanted.add_argument("--cluster", metavar="CLUSTER.yaml", help="compile this cluster file here")
    parser.add_argument(
        "--node", default="self", metavar="NAME", help="the node (default self: the one that has our addresses)"
    )
    parser.add_argument(
        "--backend",
        choices=("auto", "iptables-legacy", "iptables-nft"),
        default="auto",
        help="the half of the kernel to work with (default: the one that holds rules)",
    )
    parser.add_argument(
        "--via",
        choices=("restore", "iptc"),
        default="restore",
        help="what writes: the tools of iptables, or python-iptables (legacy only)",
    )
    parser.add_argument(
        "--wait", type=_seconds, default=5, metavar="SECONDS", help="for locks that others hold, up to 600 (default: 5)"
    )
    parser.add_argument(
        "--serial", type=serial, default=0, metavar="N", help="with --cluster: the order of what is compiled"
    )
    parser.add_argument("--allowed-signers", metavar="FILE", help="the build must be signed by one of these keys")
    parser.add_argument("--signer", metavar="NAME", help="whose key, as that file names it")
    parser.add_argument("--state", metavar="DIR", help="the state folder (default: /var/lib/netpolicy)")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > _LONGEST_WAIT:
        raise argparse.ArgumentTypeError(f"`{text}` is no number of seconds up to {_LONGEST_WAIT}")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Does what the verb says; with what stops it, tells what the kernel holds then."""
    from netpolicy.cli import INTERRUPTED, UNUSABLE
    from netpolicy.cli.tell import stop
    from netpolicy.node.stopped import StoppedError

    wrong = _wrong_usage(options)
    if wrong is not None:
        print(f"error: {wrong[0]}\n  = hint: {wrong[1]}", file=sys.stderr)
        return UNUSABLE
    try:
        return {"preview": _preview, "apply": _apply, "status": _status}[options.verb](options)
    except StoppedError as stopped:
        stop(stopped.found, options, stopped.ending.name.lower().replace("_", " "))
        if options.verb == "apply" and stopped.ending.name in _HOLDS:
            print(_HOLDS[stopped.ending.name], file=sys.stderr)
        return int(stopped.ending)
    except KeyboardInterrupt:  # it may have waited until the kernel was changed
        if options.verb != "apply":
            raise
        hint = "`netpolicy apply-rules status` tells what is in force"
        print(f"netpolicy: interrupted; an apply is done wholly or not at all\n  = hint: {hint}", file=sys.stderr)
        return INTERRUPTED


def _wrong_usage(options: argparse.Namespace) -> tuple[str, str] | None:
    # An option with an empty value is one that a script could not fill: never one that was left away.
    empty = [name for name in _NAMES if getattr(options, name.replace("-", "_")) == ""]
    if empty:
        return f"`--{empty[0]}` has an empty value", "give it a value, or leave it away"
    given = options.build or options.cluster
    if options.verb == "status" and (given or options.node != "self" or options.serial or options.signer):
        hint = "leave `--build`, `--cluster`, `--node` and the like away, or ask for `preview`"
        return "`status` tells of what was applied here", hint
    if options.verb != "status" and not given:
        return f"`{options.verb}` of which rules?", "name a build folder with `--build`, or a cluster with `--cluster`"
    if bool(options.allowed_signers) != bool(options.signer):
        return "`--allowed-signers` and `--signer` go together", "give both, or none"
    if options.signer and not options.build:
        return "only a build folder is signed", "give `--build`"
    if options.serial and not options.cluster:
        return "a build folder has its own serial", "leave `--serial` away"
    return None


# What must be in force.


def _wanted(options: argparse.Namespace) -> Bundle:
    """The ruleset of this very machine; a machine that is another one is a StoppedError."""
    from netpolicy.cli.node_rules import SELF, compiled, from_build, must_be_here

    if options.cluster:
        bundle = compiled(options.cluster, options.node, options.serial)
    else:
        signed = (Path(options.allowed_signers), options.signer) if options.signer else None
        bundle = from_build(options.build, options.node, signed=signed)
    if options.node != SELF:
        must_be_here(bundle.identity)
    return bundle


# The verbs.


def _preview(options: argparse.Namespace) -> int:
    from netpolicy.cli import FINE, WRONG
    from netpolicy.cli.tell import tell
    from netpolicy.node.apply import choices_of, refusals, refuse_unseen
    from netpolicy.node.backend import choose, live, observe
    from netpolicy.node.host import Host
    from netpolicy.node.overruled import overruled
    from netpolicy.node.preview import preview
    from netpolicy.node.telling import preview_value

    bundle, host, journal = _wanted(options), Host(), _journal(options)
    record = journal.read()
    refuse_unseen(host, record)
    choices = choices_of(options.backend, options.wait, options.via)
    observed = observe(host)
    backend = choose(host, observed, choices.backend)
    refused = refusals(host, bundle, record, backend, choices)
    held = live(host, backend, observed)
    told = [*refused, *overruled(held, bundle.ruleset)]
    tell(told, options)
    one = preview(held, bundle.ruleset)
    kept = journal.kept(record.in_force.digest) if record.in_force else None
    texts = {**(kept.statements if kept else {}), **bundle.statements}
    if options.format == "json":
        change = preview_value(one, texts)
        _print_json(bundle, backend=backend.value, in_force=one.in_force, change=change, findings=_listed(told))
    elif one.in_force and not options.quiet:
        print(f"{_size(bundle)}: in force ({backend.value}); an apply changes nothing")
    elif not one.in_force:
        print(f"{_size(bundle)}: not in force ({backend.value}); an apply changes:")
        print("\n".join(_lines(one, texts)))
    return FINE if one.in_force and not refused else WRONG


def _apply(options: argparse.Namespace) -> int:
    from netpolicy.cli.tell import tell
    from netpolicy.node.apply import apply, choices_of
    from netpolicy.node.host import Host

    bundle = _wanted(options)
    done = apply(Host(), bundle, _journal(options), choices_of(options.backend, options.wait, options.via))
    tell(done.found, options)
    if options.format == "json":
        result = "applied" if done.changed else "unchanged"
        _print_json(
            bundle, backend=done.backend.value, result=result, read_twice=done.read_twice, findings=_listed(done.found)
        )
    elif not options.quiet:
        print(f"{_size(bundle)}: in force ({_by(done)}){'' if done.changed else '; nothing was changed'}")
    return 0


def _by(done: Result) -> str:
    return f"{done.backend.value}, read back by python-iptables too" if done.read_twice else done.backend.value


def _status(options: argparse.Namespace) -> int:
    from netpolicy.cli import FINE, WRONG
    from netpolicy.cli.tell import tell
    from netpolicy.diagnostic import Severity
    from netpolicy.node.backend import Backend
    from netpolicy.node.drift import drift, of_kernel
    from netpolicy.node.host import Host
    from netpolicy.node.second import packets_seen
    from netpolicy.node.telling import status_value

    journal, host = _journal(options), Host()
    record = journal.read()
    applied = record.in_force
    kept = journal.kept(applied.digest) if applied is not None else None
    one = drift(of_kernel(host, Backend(applied.backend)), kept) if applied is not None and kept is not None else None
    in_force = one is not None and one.in_force
    seen = packets_seen(host, one.held) if one is not None else None
    told = status_value(record, one, seen)
    if options.format == "json":
        _print_json(**told)
    elif not (options.quiet and in_force):
        if one is not None:  # errors are counted, and told by a drift
            tell((each for each in one.found if each.severity is Severity.WARNING), options)
        print("\n".join(_status_lines(told, kept)))
    return FINE if in_force else WRONG


def _journal(options: argparse.Namespace) -> Any:
    from netpolicy.node.journal import FOLDER, Journal

    return Journal(Path(options.state or FOLDER))


# What is said.


def _print_json(bundle: Bundle | None = None, **told: Any) -> None:
    import json

    from netpolicy import __version__

    tree: dict[str, Any] = {"format_version": FORMAT_VERSION, "tool": {"name": "netpolicy", "version": __version__}}
    if bundle is not None:
        one = bundle.identity
        tree |= {"cluster": one.cluster, "node": one.node, "class": one.digest, "serial": one.serial}
    print(json.dumps(tree | told, indent=1, sort_keys=True))


def _listed(found: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    from netpolicy.report.findings import as_list

    return as_list(found)


def _size(bundle: Bundle) -> str:
    from netpolicy.cli.tell import many
    from netpolicy.packet.addresses import FAMILIES

    tables = [bundle.ruleset.table(family) for family in FAMILIES]
    rules = sum(len(chain.rules) for table in tables for chain in table.chains)
    families = many(len(tables), "family", "families")
    return f"{bundle.identity.node}: {families}, {many(rules, 'rule')}, {many(len(bundle.ruleset.sets), 'set')}"


def _lines(one: Preview, texts: Mapping[str, StatementText]) -> Iterator[str]:
    """Statements first, then sets and jumps, then rules; `texts` has the statements of what was in force, too."""
    from netpolicy.node.preview import pairs, told

    was = pairs(one, texts)
    for name in one.comes:
        instead = f"; was {texts[was[name]].flow.partition(' : ')[2]}" if name in was else ""
        yield f"  {'changes' if instead else 'new' if one.loaded else 'admits':<8} {told(name, texts)}{instead}"
    yield from (f"  gone     {told(name, texts)}" for name in one.goes if name not in was.values())
    yield from (f"  changes  {told(name, texts)}" for name in one.changes)
    if not one.loaded:
        yield "  refuses  whatever no statement admits: no packet meets rules of ours yet"
    for each in one.sets:
        signs = [f"{sign} {', '.join(names)}" for sign, names in (("+", each.more), ("-", each.fewer)) if names]
        yield f"  set      {each.name}: {'; '.join(signs)}"
    if one.jumps:
        yield f"  jumps    of {', '.join(f'`{name}`' for name in one.jumps)} to our chains"
    shown = one.rules[:_MOST] if one.loaded else ()  # of the first apply every rule is new
    yield from (f"  {rule.sign} IPv{rule.family.value}   {rule.text}" for rule in shown)
    if len(one.rules) > len(shown):
        more = "more rules" if shown else "rules, all of them new"
        yield f"  … and {len(one.rules) - len(shown)} {more}; `--format json` has them"


def _status_lines(told: dict[str, Any], kept: Bundle | None) -> Iterator[str]:
    applied, last = told["applied"], told["last_apply"]
    if applied is None:
        yield "nothing was applied here"
    else:
        digest, serial = applied["class"][:12], applied["serial"] or "none"
        yield f"applied     {told['node']} of {told['cluster']}, class {digest}, serial {serial}"
        yield f"            by {applied['backend']} at {applied['at']}"
        yield f"in force    {_in_force(told, kept)}"
    if told["packets_seen"]:
        seen = told["packets_seen"]
        yield f"packets     IPv4 {seen['v4']:,}, IPv6 {seen['v6']:,} since the jumps stand (by {seen['by']})"
    if last is not None:
        yield f"last apply  {last['result']} at {last['at']} (id {last['id']})"


def _in_force(told: dict[str, Any], kept: Bundle | None) -> str:
    if kept is None:
        return "NOT KNOWN: what was applied is not kept here; apply again"
    if told["in_force"]:
        return f"yes, generation {'/'.join(dict.fromkeys(one or 'none' for one in told['generation'].values()))}"
    from netpolicy.cli.tell import many

    wrong = sum(one["severity"] == "error" for one in told["findings"])
    return f"NO: {many(wrong, 'difference')}; `netpolicy drift` shows what, and what to do"
