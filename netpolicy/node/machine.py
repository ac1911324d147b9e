"""This machine looked at, told which node it is, and judged: what `check-node` does before it prints."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from netpolicy import __version__
from netpolicy.diagnostic import Diagnostic, error, has_errors
from netpolicy.node.addresses import Held, holding_any, wrong_node
from netpolicy.node.checks import judge_node
from netpolicy.node.configured import read_configured
from netpolicy.node.nearest import nearest
from netpolicy.node.netlink import NetlinkUnreadableError, read_state
from netpolicy.node.resolver import read_names
from netpolicy.node.stopped import Ending, StoppedError
from netpolicy.packet.addresses import address_text
from netpolicy.policy.identity import Identity
from netpolicy.policy.nodestate import NodeState
from netpolicy.policy.nodestatejson import as_dict
from netpolicy.report.findings import as_list

FORMAT_VERSION = 1
_HEAD = {"format_version": FORMAT_VERSION, "tool": {"name": "netpolicy", "version": __version__}}
OF_NAMESPACES = Path("/etc/netns")
"""Where `ip netns exec` finds the files that a namespace has of its own."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A machine and what was found; `identity` is None where it is no node, or more than one."""

    state: NodeState
    identity: Identity | None
    found: tuple[Diagnostic, ...]

    @property
    def right(self) -> bool:
        return not has_errors(self.found)


def check(nodes: Sequence[Identity], state: NodeState, name: str = "") -> Checked:
    """The node of that name, or the one whose addresses are here, judged by all rules."""
    named = next((one for one in nodes if one.node == name), None) if name else None
    identity, found = (named, []) if named is not None else which(nodes, state)
    if identity is not None:
        found = [*found, *judge_node(identity, nodes, state)]
    return Checked(state, identity, tuple(found))


def which(nodes: Sequence[Identity], state: NodeState) -> tuple[Identity | None, list[Diagnostic]]:
    """The node that this machine is: the only one with an address here, or the only one that is wholly here.

    Where only one is known at all, as in a build that holds a node's own folder alone, it is that one.
    """
    here = holding_any(nodes, holding := _holding(state))
    whole = [one for one in here if not wrong_node(one, holding)]
    if len(here) == 1 or len(whole) == 1:
        return (whole if len(here) > 1 else here)[0], []
    shown = [f"`{link.name}` holds {address_text(*one.address)}/{one.prefix}" for link, one in state.addresses()]
    notes = shown or ["this machine holds no address"]
    if here:
        names = " and ".join(f"`{one.node}`" for one in here[:2])
        more = f" and {len(here) - 2} more" if len(here) > 2 else ""
        message = f"this machine is more than one node: it holds addresses of {names}{more}"
        hint = "take the addresses of the others from it, or name the right node with `--node`"
        return None, [error("NP702", message, hint=hint, notes=[*notes, *nearest(here, state)])]
    if len(nodes) == 1:
        return nodes[0], []
    message = f"this machine is none of the {len(nodes)} nodes: it holds none of their addresses"
    hint = "set the static address (`kato op static_ip`), correct the cluster file, or name the node with `--node`"
    return None, [error("NP701", message, hint=hint, notes=[*notes, *nearest(nodes, state)])]


def look(nodes: Sequence[Identity], name: str, space: str | None, before: NodeState | None = None) -> NodeState:
    """The state of the machine, in the namespace of this process, which is called `space` where it has a name.

    Names are taken from `before`, if they were asked for then: a resolver may take its time. Files are those of the
    system's own namespace: in another one they say nothing about the interfaces.
    """
    mbus = next((one.mbus for one in nodes if one.mbus is not None), None)
    state = seen(lambda: read_state(mbus))
    identity = next((one for one in nodes if one.node == name), None) or which(nodes, state)[0]
    if identity is None:
        return state
    names = before.names if before is not None else None
    if names is None:
        names = read_names(identity, own_hosts=OF_NAMESPACES / space / "hosts" if space else None)
    cards = [one.name for one in identity.interfaces]
    return replace(state, names=names, configured=read_configured(cards) if space is None and at_home() else None)


def seen(read: Callable[[], NodeState]) -> NodeState:
    """What `read` says; a kernel that does not tell stops us."""
    try:
        return read()
    except ImportError:
        hint = "install it with `pip install 'netpolicy[node]'`"
        raise StoppedError(Ending.UNUSABLE, error("NP719", "pyroute2 is not installed", hint=hint)) from None
    except NetlinkUnreadableError as failure:
        raise StoppedError(Ending.UNUSABLE, error("NP719", f"the kernel does not tell: {failure}")) from None


def at_home() -> bool:
    """False where this process is known to be in another network namespace than the system itself."""
    try:
        return os.readlink("/proc/self/ns/net") == os.readlink("/proc/1/ns/net")  # noqa: PTH115
    except OSError:
        return True


def document(one: Checked) -> dict[str, Any]:
    """All that `netpolicy check-node` finds out."""
    identity = one.identity
    return {
        **_HEAD,
        "cluster": identity.cluster if identity else None,
        "node": identity.node if identity else None,
        "in_order": one.right,
        "state": as_dict(one.state),
        "findings": as_list(one.found),
    }


def unusable(found: Iterable[Diagnostic]) -> dict[str, Any]:
    """The document where nothing can be judged: it holds no state, and says why."""
    return {**_HEAD, "result": "unusable", "findings": as_list(found)}


def right_words(one: Identity, state: NodeState) -> list[str]:
    """What is as it must be, in few words: each declared address with its interface, the MBUS address, the route."""
    words = []
    for card in one.interfaces:
        link = state.link(card.name)
        for address in card.addresses if link is not None else ():
            live = link.holding(address) if link is not None else None
            if live is not None and link is not None:
                lasting = "static" if live.permanent else "leased"
                wire = "up" if link.up and link.carrier else "without carrier" if link.up else "down"
                words.append(f"{card.name} {wire}, {address_text(*address)}/{live.prefix} {lasting}")
    path = state.path
    if one.mbus is not None and one.has_mbus:
        words += ["MBUS here"] if state.holders(one.mbus) else []
    elif path is not None and not path.failure:
        words.append(f"MBUS {address_text(*path.target)} by {path.interface}")
    words += [
        f"default route by {address_text(*route.gateway) if route.gateway else 'the link'} ({route.interface})"
        for route in (state.routes or ())[:2]
    ]
    return words


def _holding(state: NodeState) -> Held:
    return {link.name: frozenset(one.address for one in link.addresses) for link in state.links}
