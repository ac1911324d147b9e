"""Reads a cluster file (YAML, and so JSON) or an Ansible inventory; every error of the file at once."""

from __future__ import annotations

from collections.abc import Iterator

from netpolicy.diagnostic import Diagnostic, Label, error, has_errors
from netpolicy.dsl.syntax import Name, Value
from netpolicy.packet.addresses import AddressSet, Family, address_text
from netpolicy.packet.intervals import canonical
from netpolicy.policy.cluster import Address, Cluster, Network, Node
from netpolicy.policy.inventory import compose_inventory, ini_form, other_form
from netpolicy.policy.nodes import Nodes
from netpolicy.policy.values import Entries, Values
from netpolicy.policy.yamltree import Branch, Sequence, compose
from netpolicy.source import Source, Span

CLUSTER_KEYS = (
    *("cluster", "policy", "mbus", "hostname", "api_name", "params", "networks", "nodes", "addresses_are"),
    *("public_interface", "load_balancer_routers", "clouds"),
)
_NEEDED = (("policy", "policy: als/seed.netpol"), ("nodes", "nodes: {core: {roles: [primary], address: 10.0.0.1}}"))


def read_cluster(source: Source) -> tuple[Cluster | None, list[Diagnostic]]:
    """The cluster of a file. With an error among the findings it holds what could be read, and must not be used."""
    strange = ini_form(source)
    if strange is not None:
        return None, [strange]
    inventory = compose_inventory(source)
    tree, found = inventory or compose(source)
    if tree is None:
        return None, found
    strange = other_form(tree)
    if strange is not None:
        return None, [*found, strange]
    values = Values(source, found)
    mapping = values.mapping(tree, "a cluster")
    if mapping is None:
        return None, found
    entries = values.entries(mapping, CLUSTER_KEYS, "a cluster")
    if inventory is None:
        _complete(values, entries, Span(source, mapping.span.start, mapping.span.start))
    return _cluster(values, entries), found


def _complete(values: Values, entries: Entries, top: Span) -> None:
    for needed, example in _NEEDED:
        if needed not in entries and needed not in entries.misspelt:
            values.fail("NP209", f"the cluster has no `{needed}:`", top, f"add it, such as `{example}`")


def _cluster(values: Values, entries: Entries) -> Cluster:
    nodes = Nodes(values)
    cluster = Cluster(
        source=values.source,
        nodes=entries.read("nodes", lambda branch: nodes.read(branch, entries), ()),
        name=entries.read("cluster", lambda branch: values.host(branch, "name of a cluster"), "cluster"),
        policy=entries.read("policy", lambda branch: values.text(branch, "a policy") or "", ""),
        networks=entries.read("networks", lambda branch: _networks(values, branch), ()),
        params=entries.read("params", lambda branch: _params(values, branch), ()),
        mbus=entries.read("mbus", values.address, None),
        hostname=entries.read("hostname", values.hostname, ""),
        api_name=entries.read("api_name", values.hostname, ""),
        load_balancer_routers=entries.read("load_balancer_routers", values.addresses, ()),
        clouds=entries.read("clouds", lambda branch: values.names(branch, "cloud", "of a cluster"), None),
        policy_span=_place(entries, "policy"),
        mbus_span=_place(entries, "mbus"),
        hostname_span=_place(entries, "hostname"),
        api_name_span=_place(entries, "api_name"),
        router_spans=_item_places(entries, "load_balancer_routers"),
    )
    values.found += _shared_addresses(cluster, nodes)
    if not has_errors(values.found):  # a node that could not be read may hold it
        values.found += _mbus(cluster)
    values.found += _shared_hostnames(cluster)
    return cluster


def _place(entries: Entries, key: str) -> Span | None:
    return entries[key].span if key in entries else None


def _item_places(entries: Entries, key: str) -> tuple[Span, ...]:
    branch = entries.values.get(key)
    if isinstance(branch, Sequence):
        return tuple(item.span for item in branch.items)
    return (branch.span,) if branch is not None else ()


def _networks(values: Values, branch: Branch) -> tuple[Network, ...]:
    mapping = values.mapping(branch, "`networks`")
    found: dict[str, Network] = {}
    for key, listed in mapping.entries if mapping else ():
        name, addresses = values.name(key, "a network"), _network(values, listed)
        if name is not None and name.text in found:
            values.fail("NP206", f"network `{name.text}` stands twice", key.span, "remove one")
        elif name is not None:
            found[name.text] = Network(name, addresses)
    return tuple(found.values())


def _network(values: Values, branch: Branch) -> AddressSet:
    """The addresses of a network; an empty list is none."""
    pairs: dict[Family, list[tuple[int, int]]] = {Family.V4: [], Family.V6: []}
    empty = isinstance(branch, Sequence) and not branch.items
    for item in () if empty else values.items(branch, "the addresses of a network"):
        text = values.text(item, "an address or CIDR")
        literal = values.literal(text, item.span) if text is not None else None
        if literal is not None:
            pairs[literal[0]].append(literal[1:])
    return AddressSet(canonical(pairs[Family.V4]), canonical(pairs[Family.V6]))


def _params(values: Values, branch: Branch) -> tuple[tuple[Name, Value], ...]:
    mapping = values.mapping(branch, "`params`")
    found: dict[str, tuple[Name, Value]] = {}
    for key, given in mapping.entries if mapping else ():
        name = values.name(key, "a param")
        value = values.param(given) if name is not None else None
        if name is not None and name.text in found:
            values.fail("NP206", f"param `{name.text}` stands twice", key.span, "remove one")
        elif name is not None and value is not None:
            found[name.text] = (name, value)
    return tuple(found.values())


# What must hold between the parts.


def _shared_addresses(cluster: Cluster, nodes: Nodes) -> Iterator[Diagnostic]:
    held: dict[Address, Node] = {}
    for node in cluster.nodes:
        for address in node.addresses:
            other = held.setdefault(address, node)
            if other is not node or node.addresses.count(address) > 1:
                first, second = nodes.places[address][:2]
                labels = [Label(second), Label(first, "first here")]
                if first == second:  # one text, read twice through an anchor
                    both = ((node, ""), (other, "also here"))
                    labels = [Label(one.span, what) for one, what in both if one.span is not None]
                message = f"address {address_text(*address)} stands twice"
                yield error("NP206", message, *labels, hint="every address belongs to one interface of one node")


def _mbus(cluster: Cluster) -> Iterator[Diagnostic]:
    if cluster.mbus is not None and not any(cluster.mbus in node.addresses for node in cluster.nodes):
        hint = "the core's internal address, on one of its interfaces"
        yield error("NP212", "no node holds the MBUS address", cluster.mbus_span, hint=hint)


def _shared_hostnames(cluster: Cluster) -> Iterator[Diagnostic]:
    owners: dict[str, Node] = {}
    for node in cluster.nodes:
        if node.hostname and owners.setdefault(node.hostname, node) is not node:
            message = f"hostname `{node.hostname}` belongs to two nodes"
            yield error("NP206", message, node.span, hint="hostnames are unique in a cluster")
