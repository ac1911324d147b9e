"""The state of a node as JSON, both ways: the report of `check-node` holds it, and `check-node --saved` judges it."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from netpolicy.packet.addresses import Family, address_text
from netpolicy.policy.cluster import Address
from netpolicy.policy.nodestate import (
    Answer,
    Configured,
    DefaultRoute,
    Duplicate,
    HostsLine,
    Link,
    LiveAddress,
    Names,
    NodeState,
    Path,
)

FORMAT_VERSION = 1


def as_dict(state: NodeState) -> dict[str, Any]:
    """All of the state, in the order of the kernel's indexes."""
    names, path, routes, configured = state.names, state.path, state.routes, state.configured
    return {
        "format_version": FORMAT_VERSION,
        "links": [_link(one) for one in state.links],
        "routes": routes
        and [{"family": one.family.value, "interface": one.interface, "gateway": _text(one.gateway)} for one in routes],
        "path": path
        and {
            "target": _text(path.target),
            "source": _text(path.source),
            "interface": path.interface,
            "gateway": _text(path.gateway),
            "failure": path.failure,
        },
        "names": names and _names(names),
        "configured": configured
        and [
            {"interface": one.interface, "file": one.file, "addresses": _texts(one.addresses), "leases": one.leases}
            for one in configured
        ],
        "duplicates": [
            {"address": _text(one.address), "interface": one.interface, "machine": one.machine, "probed": one.probed}
            for one in state.duplicates
        ],
    }


def from_dict(tree: Any) -> NodeState:
    """The state that `as_dict` wrote, or a shorter one: what is left out is as on a healthy node, or not looked at.

    An address may stand as `10.0.0.1/24` alone. What is no state is a ValueError, TypeError, LookupError or
    AttributeError.
    """
    if tree.get("format_version", FORMAT_VERSION) != FORMAT_VERSION:
        raise ValueError(f"format version {tree['format_version']!r}")
    routes, path, names, configured = (tree.get(key) for key in ("routes", "path", "names", "configured"))
    return NodeState(
        tuple(_read_link(one) for one in tree["links"]),
        None if routes is None else tuple(_read_route(one) for one in routes),
        None if path is None else _read_path(path),
        None if names is None else _read_names(names),
        None if configured is None else tuple(_read_configured(one) for one in configured),
        tuple(
            Duplicate(_address(one["address"]), one["interface"], one["machine"], bool(one.get("probed")))
            for one in tree.get("duplicates", ())
        ),
    )


def _text(address: Address | None) -> str | None:
    return None if address is None else address_text(*address)


def _texts(addresses: tuple[Address, ...]) -> list[str]:
    return [address_text(*one) for one in addresses]


def _link(one: Link) -> dict[str, Any]:
    return {
        "name": one.name,
        "index": one.index,
        "up": one.up,
        "carrier": one.carrier,
        "operstate": one.operstate,
        "addresses": [_live(each) for each in one.addresses],
    }


def _live(one: LiveAddress) -> dict[str, Any]:
    return {
        "address": f"{address_text(*one.address)}/{one.prefix}",
        "label": one.label,
        "scope": one.scope,
        "secondary": one.secondary,
        "valid": one.valid,
        "preferred": one.preferred,
        "tentative": one.tentative,
        "duplicate": one.duplicate,
        "deprecated": one.deprecated,
    }


def _names(one: Names) -> dict[str, Any]:
    return {
        "hostname": one.hostname,
        "answers": [
            {"name": each.name, "addresses": _texts(each.addresses), "failure": each.failure} for each in one.answers
        ],
        "hosts": [
            {"number": each.number, "address": _text(each.address), "names": list(each.names)} for each in one.hosts
        ],
    }


def _address(text: str) -> Address:
    if not isinstance(text, str):  # ip_address takes numbers, too
        raise TypeError(f"{text!r} is no address")
    address = ip_address(text)
    return Family(address.version), int(address)


def _optional(text: str | None) -> Address | None:
    return None if text is None else _address(text)


def _addresses(texts: Any) -> tuple[Address, ...]:
    return tuple(_address(one) for one in texts)


def _seconds(value: Any) -> int | None:
    return None if value is None else int(value)


def _read_link(tree: Any) -> Link:
    return Link(
        str(tree["name"]),
        int(tree.get("index", 0)),
        bool(tree.get("up", True)),
        bool(tree.get("carrier", True)),
        str(tree.get("operstate", "UP")),
        tuple(_read_live(one) for one in tree.get("addresses", ())),
    )


def _read_live(given: Any) -> LiveAddress:
    tree = {"address": given} if isinstance(given, str) else given
    text, slash, prefix = tree["address"].partition("/")
    address = _address(text)
    length = int(prefix) if slash else address[0].bits
    if not 0 <= length <= address[0].bits:
        raise ValueError(f"prefix length {length}")
    return LiveAddress(
        address,
        length,
        str(tree.get("label", "")),
        str(tree.get("scope", "global")),
        bool(tree.get("secondary")),
        _seconds(tree.get("valid")),
        _seconds(tree.get("preferred")),
        bool(tree.get("tentative")),
        bool(tree.get("duplicate")),
        bool(tree.get("deprecated")),
    )


def _read_route(tree: Any) -> DefaultRoute:
    return DefaultRoute(Family(tree["family"]), str(tree["interface"]), _optional(tree.get("gateway")))


def _read_path(tree: Any) -> Path:
    return Path(
        _address(tree["target"]),
        _optional(tree.get("source")),
        str(tree.get("interface", "")),
        _optional(tree.get("gateway")),
        str(tree.get("failure", "")),
    )


def _read_names(tree: Any) -> Names:
    return Names(
        str(tree.get("hostname", "")),
        tuple(
            Answer(str(one["name"]), _addresses(one.get("addresses", ())), str(one.get("failure", "")))
            for one in tree.get("answers", ())
        ),
        tuple(
            HostsLine(int(one["number"]), _address(one["address"]), tuple(str(name) for name in one["names"]))
            for one in tree.get("hosts", ())
        ),
    )


def _read_configured(tree: Any) -> Configured:
    return Configured(
        str(tree["interface"]), str(tree["file"]), _addresses(tree.get("addresses", ())), bool(tree.get("leases"))
    )
