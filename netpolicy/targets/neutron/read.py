"""Reads a file of Neutron's security groups back, as strictly as the service would."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from netpolicy.diagnostic import Diagnostic
from netpolicy.policy.yamltree import Branch
from netpolicy.securitygroups.reading import NUMBER, Reading, read_file
from netpolicy.source import Source
from netpolicy.targets.neutron.rules import (
    EGRESS,
    ETHERTYPES,
    FORMAT,
    FORMAT_VERSION,
    INGRESS,
    IPV6_HEADERS,
    LAST_PORT,
    NAMED_PROTOCOLS,
    GroupRule,
    Ruleset,
    SecurityGroup,
)

_TOP = ("format", "format_version", "cluster", "steps", "groups", "ports")
_GROUP = ("name", "description", "stateful")
_NEEDED = ("security_group_id", "direction", "ethertype")
_RULE = (*_NEEDED, "protocol", "port_range_min", "port_range_max", "remote_group_id", "remote_ip_prefix", "description")
_ICMP = ("icmp", "ipv6-icmp")
_LONGEST = 255


def read(source: Source) -> tuple[Ruleset | None, list[Diagnostic]]:
    """The ruleset of the file, or None and why it cannot be read."""
    return read_file(source, _ruleset)


def _ruleset(reading: Reading, tree: Branch) -> Ruleset:
    fields = reading.fields(tree, _TOP, [key for key in _TOP if key != "steps"])
    reading.head(fields, FORMAT, FORMAT_VERSION)
    groups = [_group(reading, one) for one in reading.items(fields["groups"])]
    ports = [reading.attachment(one, "security_groups") for one in reading.items(fields["ports"])]
    known = {group.name for group in groups}
    if len(known) < len(groups) or any(name.lower() in ("", "default") for name in known):
        raise reading.fail(fields["groups"].span, "names of groups differ, and none is `default`")
    spoken = {rule.remote_group for group in groups for rule in group.rules if rule.remote_group is not None}
    spoken |= {name for port in ports for name in port.groups}
    for name in sorted(spoken - known):
        raise reading.fail(tree.span, f"there is no group `{name}`")
    return Ruleset(reading.text(fields["cluster"]), tuple(groups), tuple(ports))


def _group(reading: Reading, branch: Branch) -> SecurityGroup:
    parts = ("security_group", "security_group_rules")
    fields = reading.fields(branch, parts, parts)
    own = reading.fields(fields["security_group"], _GROUP, _GROUP)
    name, description = (_short(reading, own[key]) for key in ("name", "description"))
    if own["stateful"].span.text != "true":
        raise reading.fail(own["stateful"].span, "a group without state would need rules for replies")
    listed = reading.items(fields["security_group_rules"])
    rules = [_rule(reading, one, name) for one in listed]
    reading.differ(listed, [replace(rule, description="") for rule in rules], "rule")
    return SecurityGroup(name, description, tuple(rules))


def _short(reading: Reading, branch: Branch) -> str:
    text = reading.text(branch)
    if len(text) > _LONGEST:
        raise reading.fail(branch.span, f"this is longer than {_LONGEST} characters")
    return text


def _rule(reading: Reading, branch: Branch, group: str) -> GroupRule:
    fields = reading.fields(branch, _RULE, _NEEDED)
    reading.word(fields["security_group_id"], (group,))
    if "remote_group_id" in fields and "remote_ip_prefix" in fields:
        raise reading.fail(branch.span, "a rule has a remote group or a remote prefix, not both")
    ethertype = reading.word(fields["ethertype"], ETHERTYPES)
    protocol = _protocol(reading, fields["protocol"], ethertype) if "protocol" in fields else None
    first, last = _ports(reading, branch, fields, protocol)
    prefix = fields.get("remote_ip_prefix")
    return GroupRule(
        direction=reading.word(fields["direction"], (INGRESS, EGRESS)),
        ethertype=ethertype,
        protocol=protocol,
        port_range_min=first,
        port_range_max=last,
        remote_group=reading.text(fields["remote_group_id"]) if "remote_group_id" in fields else None,
        remote_ip_prefix=_prefix(reading, prefix, ethertype) if prefix is not None else None,
        description=_short(reading, fields["description"]) if "description" in fields else "",
    )


def _protocol(reading: Reading, branch: Branch, ethertype: str) -> str:
    text = reading.text(branch)
    number = next((number for number, name in NAMED_PROTOCOLS.items() if name == text), None)
    if number is None and NUMBER.fullmatch(text) and 0 < int(text) < 256 and int(text) not in NAMED_PROTOCOLS:
        number = int(text)
    if number is None:
        raise reading.fail(branch.span, f"`{text}` is no protocol here")
    if (text == "icmp" and ethertype == "IPv6") or (number in IPV6_HEADERS and ethertype == "IPv4"):
        raise reading.fail(branch.span, f"`{text}` is no protocol of {ethertype}")
    return text


def _ports(
    reading: Reading, branch: Branch, fields: dict[str, Branch], protocol: str | None
) -> tuple[int | None, int | None]:
    icmp = protocol in _ICMP
    least, most = (0, 255) if icmp else (1, LAST_PORT)
    first, last = (
        reading.number(fields[key], least, most) if key in fields else None
        for key in ("port_range_min", "port_range_max")
    )
    if first is None and last is None:
        return None, None
    if protocol is None or protocol.isdigit():
        raise reading.fail(branch.span, "this protocol has no ports")
    if first is None or (last is None and not icmp):
        raise reading.fail(branch.span, "a range of ports has two ends; an ICMP code stands with its type")
    if last is not None and first > last and not icmp:
        raise reading.fail(branch.span, f"the range {first}-{last} runs backwards")
    if (first, last) == (1, LAST_PORT):
        raise reading.fail(branch.span, f"Neutron takes the range {first}-{last} for all ports, with port 0")
    return first, last


def _prefix(reading: Reading, branch: Branch, ethertype: str) -> str:
    text = reading.text(branch)
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise reading.fail(branch.span, f"`{text}` is no network") from None
    if f"IPv{network.version}" != ethertype:
        raise reading.fail(branch.span, f"`{text}` is no network of {ethertype}")
    return text
