"""The nodes of a cluster file: entries with their roles, interfaces and addresses; a range stands for several nodes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from netpolicy.diagnostic import Label, did_you_mean, error
from netpolicy.dsl.syntax import Name
from netpolicy.policy.cluster import Address, AddressesAre, Interface, Node
from netpolicy.policy.ranges import RangeError, expand
from netpolicy.policy.values import Entries, Values, is_host
from netpolicy.policy.yamltree import Branch, Mapping, Scalar, Sequence
from netpolicy.source import Span

NODE_KEYS = ("roles", "labels", "interfaces", "address", "addresses_are", "hostname", "public_interface")
INHERITED = ("addresses_are", "public_interface")
DEFAULT_INTERFACE = "eth0"
_RANGE = re.compile(r"(.*[.:])([0-9]+)-(?:\1)?([0-9]+)")
Column = list[tuple[Address, ...]]
"""What each node of an entry holds on one interface."""


class Nodes:
    """Reads the entries below `nodes:`; `places` is where each address is written, once more for each time."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self.places: dict[Address, list[Span]] = {}

    def read(self, branch: Branch, cluster: Entries) -> tuple[Node, ...]:
        """All nodes, no name twice. What an entry does not say of the inherited keys, the cluster says."""
        mapping = self.values.mapping(branch, "`nodes`")
        found: dict[str, Node] = {}
        for key, entry in self._indented(mapping.entries if mapping else ()):
            for node in self._entry(key, entry, cluster):
                if found.setdefault(node.name, node) is not node:
                    self._twice(node, found[node.name].span, key.span)
        if mapping is not None and not mapping.entries:
            self.values.fail("NP209", "the cluster has no node", branch.span, "a cluster needs at least one")
        return tuple(found.values())

    def _indented(self, entries: tuple[tuple[Scalar, Branch], ...]) -> list[tuple[Scalar, Branch]]:
        """The entries that are nodes; keys of a node that stand beside it are told once, for all of them."""
        beside = [key for key, entry in entries if key.text in NODE_KEYS and not isinstance(entry, Mapping)]
        if not beside:
            return list(entries)
        message = f"`{beside[0].text}:` stands beside the nodes"
        self.values.fail("NP203", message, beside[0].span, "it belongs to a node: indent it below its name")
        kept = ((key, entry) for key, entry in entries if not any(key is one for one in beside))
        return [(key, entry) for key, entry in kept if not isinstance(entry, Scalar) or entry.text]

    def _twice(self, node: Node, first: Span | None, second: Span) -> None:
        labels = (Label(second), Label(first, "first here")) if first else (Label(second),)
        hint = "rename one, or narrow the range"
        self.values.found.append(error("NP206", f"node `{node.name}` stands twice", *labels, hint=hint))

    def _entry(self, key: Scalar, branch: Branch, cluster: Entries) -> Iterator[Node]:
        """The nodes of one entry: one, or as many as its range has."""
        values = self.values
        names = self._names(key)
        mapping = self._mapping(key, branch) if names else None
        if mapping is None:
            return
        own = values.entries(mapping, NODE_KEYS, "a node")
        inherited = {one: cluster[one] for one in INHERITED if one in cluster}
        entries = Entries({**inherited, **own.values}, own.misspelt)
        roles: tuple[Name, ...] = entries.read("roles", lambda held: values.names(held, "role"), ())
        labels: tuple[Name, ...] = entries.read("labels", lambda held: values.names(held, "label"), ())
        origin = entries.read("addresses_are", values.origin, AddressesAre.STATIC)
        public = entries.read("public_interface", values.interface, "")
        hostname = self._hostname(entries, len(names))
        columns = self._interfaces(key, entries, len(names))
        cards = [card for card, _ in columns]
        if "public_interface" in own and public and cards and public not in cards:
            hint = did_you_mean(public, cards) or f"its interfaces are {', '.join(cards)}"
            values.fail("NP112", f"node `{key.text}` has no interface `{public}`", own["public_interface"].span, hint)
        for number, name in enumerate(names):
            interfaces = tuple(Interface(card, column[number]) for card, column in columns)
            yield Node(name, roles, labels, interfaces, origin, hostname, public, key.span)

    def _mapping(self, key: Scalar, branch: Branch) -> Mapping | None:
        """What an entry holds; a text such as `address:10.0.0.1` is told as what it lacks."""
        begun = branch.text.partition(":")[0] if isinstance(branch, Scalar) and branch.plain else ""
        if begun in NODE_KEYS:
            message = f"`{begun}:` is no key without a blank behind it"
            self.values.fail("NP203", message, branch.span, f"write `{begun}: `")
            return None
        return self.values.mapping(branch, f"node `{key.text}`")

    def _names(self, key: Scalar) -> list[str]:
        if key.trap() and key.trap() != "a number":
            message = f"YAML reads `{key.text}` as {key.trap()}, where a node is meant"
            self.values.fail("NP204", message, key.span, f'quote it: `"{key.text}"`')
            return []
        try:
            names = [name.lower() for name in expand(key.text)]
        except RangeError as why:
            message = f"`{key.text}` is no range of nodes: {why}"
            self.values.fail("NP211", message, key.span, "such as `dea[1-12]`")
            return []
        if not is_host(names[0]):
            hint = "a DNS name: letters, digits and `-`"
            if "_" in names[0]:
                hint = f"a DNS name has no `_`: `{names[0].replace('_', '-')}`"
            elif "*" in names[0] or "{" in names[0]:
                hint = "a range is written `dea[1-12]`"
            self.values.fail("NP205", f"`{key.text}` is no name of a node", key.span, hint)
            return []
        return names

    def _hostname(self, entries: Entries, count: int) -> str:
        hostname = entries.read("hostname", self.values.hostname, "")
        if hostname and count > 1:
            hint = "hostnames are unique; write the nodes apart"
            self.values.fail("NP205", "one hostname for several nodes", entries["hostname"].span, hint)
            return ""
        return hostname

    def _interfaces(self, key: Scalar, entries: Entries, count: int) -> list[tuple[str, Column]]:
        """Interface names with what each node of the entry holds there."""
        values = self.values
        if "address" in entries and "interfaces" in entries:
            hint = "`address: a` is short for `interfaces: {eth0: [a]}`; keep one"
            message = f"node `{key.text}` has both `address` and `interfaces`"
            values.fail("NP203", message, entries["address"].span, hint)
            return []
        if "address" in entries:
            return [(DEFAULT_INTERFACE, self._column(entries["address"], key, count))]
        if "interfaces" not in entries:
            if not entries.misspelt & {"address", "interfaces"}:
                values.fail("NP209", f"node `{key.text}` has no address", key.span, "add `address:` or `interfaces:`")
            return []
        branch = entries["interfaces"]
        mapping = values.mapping(branch, f"`interfaces` of `{key.text}`")
        cards = mapping.entries if mapping else ()
        if mapping is not None and not cards:
            hint = "give an interface and its addresses"
            values.fail("NP209", f"node `{key.text}` has no address", branch.span, hint)
        return [(values.interface(card), self._column(held, key, count)) for card, held in cards]

    def _column(self, branch: Branch, key: Scalar, count: int) -> Column:
        rows: list[list[Address]] = [[] for _ in range(count)]
        for item in self.values.items(branch, "the addresses of an interface"):
            for row, text in zip(rows, self._range(item, key, count), strict=False):
                address = self.values.unicast(text, item.span)
                if address is None:
                    break
                row.append(address)
                self.places.setdefault(address, []).append(item.span)
        if isinstance(branch, Sequence) and not branch.items:
            hint = "give its addresses, or remove the interface"
            self.values.fail("NP209", "this interface has no address", branch.span, hint)
        return [tuple(row) for row in rows]

    def _range(self, branch: Branch, key: Scalar, count: int) -> list[str]:
        """An address for each node of the entry, as texts; nothing when they are not as many as the nodes."""
        text = self.values.text(branch, "an address")
        if text is None:
            return []
        if text.startswith("[") and ":" in text:  # an address of six as in a URL
            return [text] * count
        try:
            addresses = expand(text)
        except RangeError as why:
            message = f"`{text}` is no range of addresses: {why}"
            self.values.fail("NP211", message, branch.span, "such as `10.5.31.[101-112]`")
            return []
        if len(addresses) != count:
            ranged = _RANGE.fullmatch(text)
            message = f"{_many(len(addresses), 'address', 'addresses')} for {_many(count, 'node', 'nodes')}"
            hint = f"`{key.text}` and its address need ranges of the same length"
            if ranged and count > 1:
                hint = f"a range is written `{ranged[1]}[{ranged[2]}-{ranged[3]}]`"
            self.values.fail("NP211", message, branch.span, hint)
            return []
        return addresses


def _many(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"
