"""What a selector selects: addresses of both families, and virtual addresses of nodes."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import assert_never

from netpolicy.diagnostic import Diagnostic, did_you_mean, error
from netpolicy.dsl import syntax as s
from netpolicy.packet.addresses import EVERYWHERE, NOWHERE, AddressSet, Family, address_text, network_text, networks
from netpolicy.packet.intervals import canonical
from netpolicy.policy.cluster import Address, Cluster, Node
from netpolicy.policy.model import Named, Selection, Virtual
from netpolicy.policy.names import CLUSTER_NETWORKS, LOAD_BALANCER_ROUTERS, LONGEST_CHAIN, MBUS, Names
from netpolicy.policy.ranges import RangeError, expand
from netpolicy.source import Span

_RANGE = re.compile(r"(.*?[a-z-])([0-9]+)-([0-9]+)")


def address_set(addresses: Iterable[Address]) -> AddressSet:
    """The set of some node addresses."""
    pairs: dict[Family, list[tuple[int, int]]] = {Family.V4: [], Family.V6: []}
    for family, address in addresses:
        pairs[family].append((address, address))
    return AddressSet(canonical(pairs[Family.V4]), canonical(pairs[Family.V6]))


class Selectors:
    """Evaluates selectors for one cluster; each name is evaluated once."""

    def __init__(self, names: Names, cluster: Cluster) -> None:
        self.names = names
        self.cluster = cluster
        self.found: list[Diagnostic] = []
        self.nodes = address_set(address for node in cluster.nodes for address in node.addresses)
        self._by_name: dict[str, Node] = {node.name: node for node in cluster.nodes}
        self._networks = {network.name.text: network.addresses for network in cluster.networks}
        self._networks[MBUS] = address_set([cluster.mbus] if cluster.mbus else [])
        self._networks[LOAD_BALANCER_ROUTERS] = address_set(cluster.load_balancer_routers)
        self._known: dict[str, AddressSet] = {}
        self._open: list[str] = []
        self._unsound: set[str] = set()

    # Sets by name.

    @functools.cached_property
    def _holders(self) -> dict[tuple[str, str], list[Address]]:
        """Addresses by role and by label."""
        holders: dict[tuple[str, str], list[Address]] = {}
        for node in self.cluster.nodes:
            for kind, held in (("role", node.roles), ("label", node.labels)):
                for name in held:
                    holders.setdefault((kind, name.text), []).extend(node.addresses)
        return holders

    @functools.cached_property
    def _cards(self) -> dict[str, AddressSet]:
        """Addresses by interface name."""
        cards: dict[str, list[Address]] = {}
        for node in self.cluster.nodes:
            for interface in node.interfaces:
                cards.setdefault(interface.name, []).extend(interface.addresses)
        return {name: address_set(addresses) for name, addresses in cards.items()}

    @property
    def interfaces(self) -> frozenset[str]:
        """Names of all interfaces of the cluster."""
        return frozenset(self._cards)

    def named(self, name: str, place: Span | None) -> AddressSet:
        """Addresses of a role, group, label or network; an unknown name is reported and selects nothing."""
        if name not in CLUSTER_NETWORKS and name not in self.names.selectors:
            self._unsound.add(name)
            self._unknown(name, place)
            return NOWHERE
        if name not in self._known:
            self._known[name] = self._named(name)
        return self._known[name]

    def _named(self, name: str) -> AddressSet:
        if name in CLUSTER_NETWORKS:
            return self._networks[name]
        declared = self.names.selectors[name]
        if isinstance(declared, s.Declaration):
            if declared.kind is s.DeclarationKind.NETWORK:
                return self._networks.get(name, NOWHERE)
            return address_set(self._holders.get((declared.kind.value, name), ()))
        return self._group(declared)

    def _group(self, group: s.Group) -> AddressSet:
        if group.name.text in self._open:
            trail = " -> ".join([*self._open[self._open.index(group.name.text) :], group.name.text])
            message = f"groups contain each other: {trail}"
            hint = "a group is a set of roles; remove one member"
            self.found.append(error("NP122", message, group.name.span, hint=hint))
            return NOWHERE
        if len(self._open) >= LONGEST_CHAIN:
            self._too_deep(group)
            return NOWHERE
        self._open.append(group.name.text)
        before = len(self.found)
        members = AddressSet.union_all([self._member(group, member) for member in group.members])
        self._open.pop()
        if len(self.found) > before or not all(self.sound(member) for member in group.members):
            self._unsound.add(group.name.text)
        return members

    def _too_deep(self, group: s.Group) -> None:
        """Reports a chain of groups once; its other members would only say the same."""
        self._unsound.add(group.name.text)
        if not any(one.code == "NP131" for one in self.found):
            hint = f"{LONGEST_CHAIN} groups in a chain are the most; name the roles"
            self.found.append(error("NP131", "groups are nested too deep", group.name.span, hint=hint))

    def _member(self, group: s.Group, member: s.Named | s.Quoted) -> AddressSet:
        name = member.name if isinstance(member, s.Named) else self._alias(member)
        if name is None:
            return NOWHERE
        declared = self.names.selectors.get(name)
        no_role = isinstance(declared, s.Declaration) and declared.kind is not s.DeclarationKind.ROLE
        if no_role or self.names.is_network(name):
            kind = declared.kind.value if isinstance(declared, s.Declaration) else "network"
            message = f"`{name}` is a {kind}; a group is a set of roles"
            hint = f"select `{group.name.text}, {name}` where you use it"
            self.found.append(error("NP124", message, member.span, hint=hint))
            return NOWHERE
        return self.named(name, member.span)

    def _alias(self, quoted: s.Quoted) -> str | None:
        alias = self.names.aliases.get(quoted.text)
        if alias is not None:
            return alias.target.text
        if s.normal(quoted.text) not in self.names.broken and quoted.text not in self.names.broken:
            written = s.normal(quoted.text)
            known = written if written in self.names.selectors else ""
            hint = f"write `{known}` without quotes" if known else did_you_mean(quoted.text, self.names.aliases)
            hint = hint or f'declare it: `alias "{quoted.text}" = …`'
            self.found.append(error("NP112", f"unknown alias `{quoted.text}`", quoted.span, hint=hint))
        return None

    def _unknown(self, name: str, place: Span | None) -> None:
        if name in self.names.broken:
            return
        hint = did_you_mean(name, [*self.names.selectors, *CLUSTER_NETWORKS])
        if name in self.names.services:
            hint = "that is a service; it goes behind the `:`"
        elif name in self._by_name:
            hint = f"that is a node: write `node {name}`"
        message = f"unknown role, group, label or network `{name}`"
        self.found.append(error("NP112", message, place, hint=hint or f"declare it: `role {name}`"))

    def _node(self, selector: s.NodeNamed) -> AddressSet:
        try:
            names = expand(selector.pattern)
        except RangeError as why:
            self._unsound.add(selector.pattern)
            message = f"`{selector.pattern}` is no range of nodes: {why}"
            self.found.append(error("NP211", message, selector.span, hint="such as `node dea[1-12]`"))
            return NOWHERE
        missing = [name for name in names if name not in self._by_name]
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            self._unsound.add(selector.pattern)
            near = did_you_mean(missing[0], self._by_name) if len(names) == 1 else ""
            ranged = _RANGE.fullmatch(missing[0]) if len(names) == 1 else None
            if ranged:
                near = f"a range is written `node {ranged[1]}[{ranged[2]}-{ranged[3]}]`"
            hint = near or "the cluster file names the nodes"
            self.found.append(error("NP112", f"unknown node `{missing[0]}`{more}", selector.span, hint=hint))
        known = (self._by_name[name] for name in names if name in self._by_name)
        return address_set(address for node in known for address in node.addresses)

    # Selectors.

    def sound(self, selector: s.Selector) -> bool:
        """False when a name in it is in error: that is told, and what it selects means nothing. After `addresses`."""
        for part in parts(selector):
            name = ""
            if isinstance(part, s.Named):
                name = part.name
            elif isinstance(part, s.NodeNamed):
                name = part.pattern
            elif isinstance(part, s.OnInterface) and part.interface not in self._cards:
                return False
            elif isinstance(part, s.Quoted):
                if part.text not in self.names.aliases:
                    return False
                name = self.names.aliases[part.text].target.text
            if name in self._unsound:
                return False
        return True

    def addresses(self, selector: s.Selector) -> AddressSet:
        """The addresses of a selector; `self` and virtual addresses select none here."""
        match selector:
            case s.Named():
                return self.named(selector.name, selector.span)
            case s.Quoted():
                name = self._alias(selector)
                return self.named(name, selector.span) if name is not None else NOWHERE
            case s.NodeNamed():
                return self._node(selector)
            case s.Literal():
                pair = ((selector.first, selector.last),)
                return AddressSet(v4=pair) if selector.family is Family.V4 else AddressSet(v6=pair)
            case s.Standard():
                return self._standard(selector.which)
            case s.AnyOf():
                return AddressSet.union_all([self.addresses(part) for part in selector.parts])
            case s.AllOf():
                return functools.reduce(lambda a, b: a & b, [self.addresses(part) for part in selector.parts])
            case s.Except():
                return self.addresses(selector.base) - self.addresses(selector.without)
            case s.OnInterface():
                return self.addresses(selector.base) & self._cards.get(selector.interface, NOWHERE)
            case s.AtAddress():
                return NOWHERE
            case _:
                assert_never(selector)

    def _standard(self, which: s.Builtin) -> AddressSet:
        match which:
            case s.Builtin.ALL:
                return self.nodes
            case s.Builtin.WORLD:
                return EVERYWHERE
            case s.Builtin.OUTSIDE:
                return EVERYWHERE - self.nodes
            case s.Builtin.SELF:
                return NOWHERE
            case _:
                assert_never(which)

    def selection(self, selector: s.Selector) -> Selection:
        """The selector with its addresses, its virtual addresses and its canonical text."""
        virtual, peers = tuple(self._virtual(selector)), tuple(self._peers(selector))
        return Selection(self.text(selector), self.addresses(selector), virtual, peers, selector.span)

    def _peers(self, selector: s.Selector) -> Iterable[Named]:
        """The members of a list that hold addresses of no node; a report shows them by their text."""
        for part in selector.parts if isinstance(selector, s.AnyOf) else (selector,):
            outside = self.addresses(part) - self.nodes
            if outside:
                yield Named(self.text(part), "", outside)

    def _virtual(self, selector: s.Selector) -> Iterable[Virtual]:
        if isinstance(selector, s.AtAddress):
            family, address = selector.address.family, selector.address.first
            if (family, address) in self.nodes:
                shown = address_text(family, address)
                message = f"`{shown}` is a declared address of a node"
                hint = f"select it itself: `{shown}`; `@ADDRESS` is for virtual and multicast addresses"
                self.found.append(error("NP126", message, selector.address.span, hint=hint))
            yield Virtual(self.addresses(selector.base) & self.nodes, family, address)
        elif isinstance(selector, s.AnyOf):
            for part in selector.parts:
                yield from self._virtual(part)

    def text(self, selector: s.Selector) -> str:
        """The canonical text: names in normal form, parts sorted, aliases resolved."""
        match selector:
            case s.Named():
                return selector.name
            case s.Quoted():
                alias = self.names.aliases.get(selector.text)
                return alias.target.text if alias else selector.text
            case s.NodeNamed():
                return f"node {selector.pattern}"
            case s.Literal():
                return literal_text(selector)
            case s.Standard():
                return selector.which.value
            case s.AnyOf():
                return ", ".join(sorted({self.text(part) for part in selector.parts}))
            case s.AllOf():
                return " & ".join(sorted({self._atom(part) for part in selector.parts}))
            case s.Except():
                return f"{self._atom(selector.base)} except {self._atom(selector.without)}"
            case s.OnInterface():
                return f"{self._atom(selector.base)}@{selector.interface}"
            case s.AtAddress():
                return f"{self._atom(selector.base)}@{address_text(selector.address.family, selector.address.first)}"
            case _:
                assert_never(selector)

    def _atom(self, selector: s.Selector) -> str:
        text = self.text(selector)
        return f"({text})" if isinstance(selector, s.AnyOf | s.AllOf | s.Except) else text


def literal_text(literal: s.Literal) -> str:
    """An address, or a CIDR with its length."""
    if literal.first == literal.last:
        return address_text(literal.family, literal.first)
    ((network, length),) = networks(literal.family, ((literal.first, literal.last),))
    return network_text(literal.family, network, length)


def parts(selector: s.Selector) -> Iterable[s.Selector]:
    """The selector and everything inside it."""
    yield selector
    match selector:
        case s.AnyOf() | s.AllOf():
            for part in selector.parts:
                yield from parts(part)
        case s.Except():
            yield from parts(selector.base)
            yield from parts(selector.without)
        case s.OnInterface() | s.AtAddress():
            yield from parts(selector.base)
        case _:
            pass
