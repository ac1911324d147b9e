"""`node.json`: what a node knows about itself, and what it must load."""

from __future__ import annotations

import json
from typing import Any

from netpolicy.packet.addresses import address_text
from netpolicy.policy.cluster import Cluster, Node
from netpolicy.policy.identity import FORMAT_VERSION, as_dict, identity_of

__all__ = ["FORMAT_VERSION", "Identities", "identity", "json_text"]
_NODE, _INTERFACES, _HOSTNAME = "\0node", "\0interfaces", "\0hostname"


def json_text(value: object) -> str:
    """The value as every JSON file of a build is written."""
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def identity(cluster: Cluster, node: Node, digest: str, serial: int) -> dict[str, Any]:
    """All that `node.json` says; `digest` names the class."""
    return as_dict(identity_of(cluster, node, digest, serial))


def _interfaces(node: Node) -> dict[str, list[str]]:
    return {one.name: [address_text(*address) for address in one.addresses] for one in node.interfaces}


class Identities:
    """The texts of `node.json` for the nodes of one class: they differ in name and addresses only."""

    def __init__(self, cluster: Cluster, like: Node, digest: str, serial: int) -> None:
        own = {"node": _NODE, "interfaces": _INTERFACES, "hostname": _HOSTNAME}
        pieces = [json_text(identity(cluster, like, digest, serial) | own)]
        for mark in (_HOSTNAME, _INTERFACES, _NODE):  # as the keys are sorted
            pieces += pieces.pop().split(json.dumps(mark))
        self._pieces = pieces

    def text(self, node: Node) -> str:
        """The same text as that of `identity`, at a fraction of the cost."""
        head, before, after, tail = self._pieces
        cards = _block("{}", [_card(name, addresses) for name, addresses in sorted(_interfaces(node).items())], 1)
        return f"{head}{json.dumps(node.hostname)}{before}{cards}{after}{json.dumps(node.name)}{tail}"


def _card(name: str, addresses: list[str]) -> str:
    return f"{json.dumps(name)}: {_block('[]', [json.dumps(one) for one in addresses], 2)}"


def _block(brackets: str, members: list[str], depth: int) -> str:
    """A list or mapping as `json_text` indents it (json's own indenting leaves a cycle of garbage at each call)."""
    if not members:
        return brackets
    line = "\n" + " " * depth
    return f"{brackets[0]}{line} {f',{line} '.join(members)}{line}{brackets[1]}"
