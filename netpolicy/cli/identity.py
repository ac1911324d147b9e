"""`node.json`: what a node knows about itself, and what it must load."""

from __future__ import annotations

import json
from typing import Any

from netpolicy.packet.addresses import address_text
from netpolicy.policy.cluster import Cluster, Node

FORMAT_VERSION = 1
_NODE, _INTERFACES = "\0node", "\0interfaces"


def json_text(value: object) -> str:
    """The value as every JSON file of a build is written."""
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def identity(cluster: Cluster, node: Node, digest: str, serial: int) -> dict[str, Any]:
    """All that `node.json` says; `digest` names the class."""
    return {
        "format_version": FORMAT_VERSION,
        "cluster": cluster.name,
        "node": node.name,
        "roles": sorted(role.text for role in node.roles),
        "labels": sorted(label.text for label in node.labels),
        "interfaces": _interfaces(node),
        "addresses_are": node.addresses_are.value,
        "mbus": address_text(*cluster.mbus) if cluster.mbus else None,
        "class": digest,
        "serial": serial,
    }


def _interfaces(node: Node) -> dict[str, list[str]]:
    return {one.name: [address_text(*address) for address in one.addresses] for one in node.interfaces}


class Identities:
    """The texts of `node.json` for the nodes of one class: they differ in name and addresses only."""

    def __init__(self, cluster: Cluster, like: Node, digest: str, serial: int) -> None:
        shared = identity(cluster, like, digest, serial) | {"node": _NODE, "interfaces": _INTERFACES}
        head, rest = json_text(shared).split(json.dumps(_INTERFACES))
        self._pieces = (head, *rest.split(json.dumps(_NODE)))

    def text(self, node: Node) -> str:
        """The same text as that of `identity`, at a fraction of the cost."""
        head, middle, tail = self._pieces
        cards = [_card(name, addresses) for name, addresses in sorted(_interfaces(node).items())]
        return f"{head}{_block('{}', cards, 1)}{middle}{json.dumps(node.name)}{tail}"


def _card(name: str, addresses: list[str]) -> str:
    return f"{json.dumps(name)}: {_block('[]', [json.dumps(one) for one in addresses], 2)}"


def _block(brackets: str, members: list[str], depth: int) -> str:
    """A list or mapping as `json_text` indents it (json's own indenting leaves a cycle of garbage at each call)."""
    if not members:
        return brackets
    line = "\n" + " " * depth
    return f"{brackets[0]}{line} {f',{line} '.join(members)}{line}{brackets[1]}"
