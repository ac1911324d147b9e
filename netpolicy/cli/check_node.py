"""Checks that this machine is the node that the cluster says it is: its interfaces, addresses, routes and names.

The MBUS address must be where the cluster file has it, for good, and every node must find it. Nothing is changed. With
`--watch` it goes on: each change of a link, an address or a route is judged at once and told in a line, until SIGINT or
SIGTERM; what is slow, the resolver, ARP probes and sockets, is asked once.
Exit status: 0 fine (warnings and notices alone too), 1 errors, 2 unreadable, or a privilege or a namespace is missing.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netpolicy.cli.nodes import Nodes
    from netpolicy.diagnostic import Diagnostic
    from netpolicy.node.machine import Checked
    from netpolicy.policy.identity import Identity
    from netpolicy.policy.nodestate import Duplicate, NodeState

SUMMARY = "check that this machine is the node that the cluster says"
EXAMPLES = (
    "netpolicy check-node --build build/",
    "netpolicy check-node --cluster cluster.yaml --node core --duplicates --listening --format json",
)


def configure(parser: argparse.ArgumentParser) -> None:
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--build", metavar="DIR", help="a build folder; nodes/*/node.json in it is enough")
    wanted.add_argument("--cluster", metavar="CLUSTER.yaml", help="a cluster file")
    parser.add_argument(
        "--node", default="self", metavar="NAME", help="the node, or `self`: the one whose addresses are here (default)"
    )
    parser.add_argument("--netns", metavar="NAME", help="look into this network namespace, which must exist (root)")
    parser.add_argument("--saved", metavar="FILE", help="judge what --format json has printed, and no machine")
    parser.add_argument(
        "--duplicates", action="store_true", help="ask the link by ARP whether another machine has our addresses (root)"
    )
    parser.add_argument("--listening", action="store_true", help="compare listening sockets with what the rules admit")
    parser.add_argument("--watch", action="store_true", help="go on, and tell each change in a line")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")


def run(options: argparse.Namespace) -> int:
    """Prints what is wrong and what is right; with what cannot be read, why."""
    from netpolicy.cli import UNUSABLE
    from netpolicy.cli.nodes import Nodes
    from netpolicy.cli.tell import tell
    from netpolicy.node.stopped import StoppedError

    try:
        nodes = Nodes(options)
        return _saved(nodes, options) if options.saved else _here(nodes, options)
    except StoppedError as stopped:
        tell(stopped.found, options)
        if options.format == "json":
            _say_unusable(stopped.found, options)
        return UNUSABLE


def _here(nodes: Nodes, options: argparse.Namespace) -> int:
    """This machine is looked at in the namespace that is asked for."""
    from netpolicy.diagnostic import error
    from netpolicy.node.machine import look
    from netpolicy.node.namespace import NamespaceError, entered
    from netpolicy.node.stopped import Ending, StoppedError

    try:
        with entered(options.netns):
            if options.watch:
                return _watch(nodes, options)
            state = look(nodes.all, nodes.name, options.netns)
            return _say(_Judge(nodes, options).judge(state), options)
    except NamespaceError as failure:
        raise StoppedError(Ending.UNUSABLE, error("NP719", str(failure), hint=failure.hint)) from None


def _saved(nodes: Nodes, options: argparse.Namespace) -> int:
    """A saved state is judged; what would look at a machine has nothing to look at."""
    import json
    from pathlib import Path

    from netpolicy.diagnostic import error
    from netpolicy.node.machine import check
    from netpolicy.node.stopped import Ending, StoppedError
    from netpolicy.policy.nodestatejson import from_dict

    if options.netns or options.duplicates or options.listening or options.watch:
        hint = "leave out --netns, --duplicates, --listening and --watch"
        raise StoppedError(Ending.UNUSABLE, error("NP719", "`--saved` looks at no machine", hint=hint))
    try:
        tree = json.loads(Path(options.saved).read_bytes())
        state = from_dict(tree.get("state", tree))
    except OSError as failure:
        why = (failure.strerror or "no reason given").lower()
        found = error("NP719", f"`{options.saved}` cannot be read: {why}", hint="save it with --format json")
        raise StoppedError(Ending.UNUSABLE, found) from None
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        found = error("NP719", f"`{options.saved}` is no state of a node", hint="save it with --format json")
        raise StoppedError(Ending.UNUSABLE, found) from None
    return _say(check(nodes.all, state, nodes.name), options)


class _Judge:
    """Judges one state after another: a node that is known once stays that node, whatever becomes of its addresses.

    What is slow, the probes and the sockets, is looked at once.
    """

    def __init__(self, nodes: Nodes, options: argparse.Namespace) -> None:
        self._nodes, self._options = nodes, options
        self._probed: tuple[Duplicate, ...] = ()
        self._listening: tuple[Diagnostic, ...] = ()
        self._known = False
        self.name = nodes.name

    def judge(self, state: NodeState) -> Checked:
        from dataclasses import replace

        from netpolicy.node.machine import check

        one = check(self._nodes.all, self._with_probed(state), self.name)
        if one.identity is not None and not self._known:
            self._known, self.name = True, one.identity.node
            self._listening = tuple(_listening(self._nodes, one)) if self._options.listening else ()
            self._probed = _probed(one.identity, state) if self._options.duplicates else ()
            one = check(self._nodes.all, self._with_probed(state), self.name)
        return replace(one, found=(*one.found, *self._listening))

    def _with_probed(self, state: NodeState) -> NodeState:
        from dataclasses import replace

        answered = {(one.address, one.machine) for one in self._probed}
        met = (one for one in state.duplicates if (one.address, one.machine) not in answered)
        return replace(state, duplicates=(*self._probed, *met))


def _probed(identity: Identity, state: NodeState) -> tuple[Duplicate, ...]:
    from netpolicy.diagnostic import error
    from netpolicy.node.arp import probed
    from netpolicy.node.stopped import Ending, StoppedError

    try:
        return probed(state, identity.addresses)
    except PermissionError:
        hint = "run it as root, or leave out --duplicates: the kernel's neighbour table is looked at anyway"
        raise StoppedError(Ending.UNUSABLE, error("NP719", "an ARP probe needs CAP_NET_RAW", hint=hint)) from None
    except OSError as failure:
        why = (failure.strerror or "no reason given").lower()
        raise StoppedError(Ending.UNUSABLE, error("NP719", f"an ARP probe cannot be sent: {why}")) from None


def _listening(nodes: Nodes, one: Checked) -> list[Diagnostic]:
    from netpolicy.diagnostic import error
    from netpolicy.node.listening import listening_findings
    from netpolicy.node.sockets import UnlistedError, listening, outgoing_ports
    from netpolicy.node.stopped import Ending, StoppedError

    assert one.identity is not None
    ruleset, statements = nodes.rules(one.identity.node)
    try:
        return listening_findings(ruleset, statements, listening(), one.identity, outgoing_ports())
    except UnlistedError as failure:
        message = f"the kernel does not list its sockets: {failure}"
        raise StoppedError(Ending.UNUSABLE, error("NP719", message)) from None


# What is said.


def _status(one: Checked) -> int:
    from netpolicy.cli import FINE, WRONG

    return FINE if one.right else WRONG


def _say(one: Checked, options: argparse.Namespace) -> int:
    from netpolicy.cli.tell import tell

    if options.format == "json":
        import json

        from netpolicy.node.machine import document

        print(json.dumps(document(one), indent=1, sort_keys=True), flush=True)
        return _status(one)
    tell(one.found, options)
    if not options.quiet:
        print(_summary(one, options), flush=True)
    return _status(one)


def _say_unusable(found: Sequence[Diagnostic], options: argparse.Namespace) -> None:
    """Why nothing can be judged, as JSON; of a watch it is a line like the others."""
    import json

    from netpolicy.node.machine import unusable
    from netpolicy.node.watch import line_of

    print(
        line_of("stopped", unusable(found)) if options.watch else json.dumps(unusable(found), indent=1, sort_keys=True)
    )


def _summary(one: Checked, options: argparse.Namespace) -> str:
    """One line: the node, what is right, and whether all is."""
    from netpolicy.cli.tell import colour
    from netpolicy.diagnostic import Severity, counted, tinted
    from netpolicy.node.machine import right_words

    painted = options.format == "text" and colour(options, sys.stdout)
    wrong = tinted("WRONG", Severity.ERROR) if painted else "WRONG"
    if one.identity is None:
        return f"no node of the cluster: {wrong} ({counted(one.found)})"
    words = right_words(one.identity, one.state)
    told = f" ({counted(one.found)})" if one.found else ""
    return f"{one.identity.node}: {'; '.join([*words, 'as the cluster says' if one.right else wrong])}{told}"


def _watch(nodes: Nodes, options: argparse.Namespace) -> int:
    """Says all once, and then what changes, until a signal; the status is that of the last state."""
    import gc

    from netpolicy.node.machine import look
    from netpolicy.node.watch import Events, Lines, first_line

    gc.enable()  # a run of a moment does without; this one goes on
    judge = _Judge(nodes, options)
    with Events() as events, events.until_signalled():
        state = look(nodes.all, judge.name, options.netns)
        one, json_lines = judge.judge(state), options.format == "json"
        if json_lines:
            print(first_line(one, _summary(one, options)), flush=True)
        else:
            _say(one, options)
        lines = Lines(one, _summary(one, options), json_lines=json_lines, quiet=options.quiet and not json_lines)
        while events.wait():
            state = look(nodes.all, judge.name, options.netns, state)
            one = judge.judge(state)
            for line in lines.about(one, _summary(one, options)):
                print(line)
            sys.stdout.flush()
    return _status(one)
