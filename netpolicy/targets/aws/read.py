"""Reads a file of EC2's security groups back, as strictly as the service would."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import replace

from netpolicy.diagnostic import Diagnostic
from netpolicy.policy.yamltree import Branch
from netpolicy.securitygroups.reading import NUMBER, Reading, read_file
from netpolicy.source import Source
from netpolicy.targets.aws.rules import FORMAT, FORMAT_VERSION, Permission, Ruleset, SecurityGroup

_TOP = ("format", "format_version", "cluster", "steps", "groups", "ingress", "egress", "interfaces")
_GROUP = ("GroupName", "Description")
_RULES = ("GroupId", "IpPermissions")
_PEERS = {"UserIdGroupPairs": "GroupId", "IpRanges": "CidrIp", "Ipv6Ranges": "CidrIpv6"}
_PERMISSION = ("IpProtocol", "FromPort", "ToPort", *_PEERS)
_NAME = re.compile(r"(?!sg-)[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}")
_DESCRIPTION = re.compile(r"[A-Za-z0-9 ._:/()#,@+=;!*-]{0,255}")
Permissions = dict[str, tuple[Permission, ...]]


def read(source: Source) -> tuple[Ruleset | None, list[Diagnostic]]:
    """The ruleset of the file, or None and why it cannot be read."""
    return read_file(source, _ruleset)


def _ruleset(reading: Reading, tree: Branch) -> Ruleset:
    fields = reading.fields(tree, _TOP, [key for key in _TOP if key != "steps"])
    reading.head(fields, FORMAT, FORMAT_VERSION)
    named = [_named(reading, one) for one in reading.items(fields["groups"])]
    ingress, egress = (_permissions(reading, fields[way]) for way in ("ingress", "egress"))
    interfaces = tuple(reading.attachment(one, "Groups") for one in reading.items(fields["interfaces"]))
    known = [name.lower() for name, _ in named]
    if len(set(known)) < len(known) or "default" in known:
        raise reading.fail(fields["groups"].span, "names of groups differ in more than case, and none is `default`")
    listed = [*ingress.values(), *egress.values()]
    spoken = {one.group for permissions in listed for one in permissions if one.group is not None}
    spoken |= {*ingress, *egress, *(name for one in interfaces for name in one.groups)}
    for name in sorted(spoken - {name for name, _ in named}):
        raise reading.fail(tree.span, f"there is no group `{name}`")
    groups = (SecurityGroup(name, said, ingress.get(name, ()), egress.get(name, ())) for name, said in named)
    return Ruleset(reading.text(fields["cluster"]), tuple(groups), interfaces)


def _named(reading: Reading, branch: Branch) -> tuple[str, str]:
    fields = reading.fields(branch, _GROUP, _GROUP)
    name, said = reading.text(fields["GroupName"]), _description(reading, fields["Description"])
    if not _NAME.fullmatch(name) or name != name.strip():
        raise reading.fail(fields["GroupName"].span, f"`{name}` is no name of a group")
    if not said:
        raise reading.fail(fields["Description"].span, "a group needs a description")
    return name, said


def _description(reading: Reading, branch: Branch) -> str:
    text = reading.text(branch)
    if not _DESCRIPTION.fullmatch(text):
        raise reading.fail(branch.span, "a description has 255 characters at most, of `A-Za-z0-9 ._:/()#,@+=;!*-`")
    return text


def _permissions(reading: Reading, branch: Branch) -> Permissions:
    found: Permissions = {}
    for part in reading.items(branch):
        fields = reading.fields(part, _RULES, _RULES)
        name = reading.text(fields["GroupId"])
        if name in found:
            raise reading.fail(fields["GroupId"].span, f"group `{name}` stands twice")
        listed = reading.items(fields["IpPermissions"])
        permissions = tuple(_permission(reading, each) for each in listed)
        reading.differ(listed, [replace(one, description="") for one in permissions], "permission")
        found[name] = permissions
    return found


def _permission(reading: Reading, branch: Branch) -> Permission:
    fields = reading.fields(branch, _PERMISSION, ("IpProtocol",))
    protocol = _protocol(reading, fields["IpProtocol"])
    first, last = _ports(reading, branch, fields, protocol)
    kinds = [kind for kind in _PEERS if kind in fields]
    peers = [(kind, peer) for kind in kinds for peer in reading.items(fields[kind])]
    if len(kinds) != 1 or len(peers) != 1:
        raise reading.fail(branch.span, "a permission has one peer here")
    ((kind, peer),) = peers
    key = _PEERS[kind]
    own = reading.fields(peer, (key, "Description"), (key,))
    said = _description(reading, own["Description"]) if "Description" in own else ""
    name = reading.text(own[key])
    if kind == "UserIdGroupPairs":
        return Permission(protocol, first, last, name, None, said)
    return Permission(protocol, first, last, None, _network(reading, own[key], 6 if key == "CidrIpv6" else 4), said)


def _protocol(reading: Reading, branch: Branch) -> str:
    text = reading.text(branch)
    if text in ("-1", "tcp", "udp", "icmp", "icmpv6"):
        return text
    # Numbers of those that have names would not open all their ports, as others do.
    if NUMBER.fullmatch(text) and 0 < int(text) < 256 and int(text) not in (1, 6, 17, 58):
        return text
    raise reading.fail(branch.span, f"`{text}` is no protocol here")


def _ports(reading: Reading, branch: Branch, fields: dict[str, Branch], protocol: str) -> tuple[int | None, int | None]:
    given = [key for key in ("FromPort", "ToPort") if key in fields]
    if protocol not in ("tcp", "udp", "icmp", "icmpv6"):
        if given:
            raise reading.fail(branch.span, "EC2 does not look at the ports of this protocol")
        return None, None
    if len(given) < 2:
        raise reading.fail(branch.span, f"{protocol} needs `FromPort` and `ToPort`")
    icmp = protocol.startswith("icmp")
    least, most = (-1, 255) if icmp else (0, 65535)
    first, last = (reading.number(fields[key], least, most) for key in given)
    if icmp and first == -1 and last != -1:
        raise reading.fail(branch.span, "a code needs a type")
    if not icmp and first > last:
        raise reading.fail(branch.span, f"the range {first}-{last} runs backwards")
    return first, last


def _network(reading: Reading, branch: Branch, version: int) -> str:
    text = reading.text(branch)
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise reading.fail(branch.span, f"`{text}` is no network") from None
    if network.version != version or "/" not in text:
        raise reading.fail(branch.span, f"`{text}` is no IPv{version} network with its length")
    return text
