"""What a flow is about: lists of protocols, ports and services as sets of keys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import assert_never

from netpolicy.diagnostic import Diagnostic, did_you_mean, error
from netpolicy.dsl import syntax as s
from netpolicy.dsl.literals import ICMP_TYPES
from netpolicy.packet.ports import ANY_PORT, NO_PORT, PORTED, PortSet
from netpolicy.policy.names import LONGEST_CHAIN, Names
from netpolicy.policy.params import Params

_PORTED = PortSet.union_all([PortSet.protocol(number) for number in sorted(PORTED)])

_PORT_IN_NAME = re.compile(r"(tcp|udp|sctp)_?([0-9]{1,5})")
# What well-known names stand for (IANA), for hints only: a policy says its ports itself.
_WELL_KNOWN = dict(
    row.split(" ", 1)
    for row in (
        *("ssh tcp 22", "smtp tcp 25", "http tcp 80", "https tcp 443", "ldap tcp 389", "ldaps tcp 636"),
        *("dns tcp+udp 53", "domain tcp+udp 53", "ntp udp 123", "snmp udp 161", "syslog udp 514", "telnet tcp 23"),
        *("ftp tcp 21", "nfs tcp 2049", "rdp tcp 3389", "tftp udp 69", "mdns udp 5353", "mysql tcp 3306"),
        *("postgresql tcp 5432", "redis tcp 6379", "mongodb tcp 27017", "amqp tcp 5672", "ping icmp echo-request"),
        *("igmp proto 2", "ospf proto 89", "vrrp proto 112", "ipip proto 4"),
    )
)


class Services:
    """Evaluates `what`; each service is evaluated once."""

    def __init__(self, names: Names, params: Params) -> None:
        self.names = names
        self.params = params
        self.found: list[Diagnostic] = []
        self._known: dict[str, tuple[PortSet, PortSet]] = {}
        self._open: list[str] = []

    def ports(self, what: s.What) -> tuple[PortSet, PortSet]:
        """All keys of a list, and those of them that belong to forwarded services."""
        both = [self._item(item) for item in what.items]
        return PortSet.union_all([plain for plain, _ in both]), PortSet.union_all([forwarded for _, forwarded in both])

    def _item(self, item: s.WhatItem) -> tuple[PortSet, PortSet]:
        match item:
            case s.Ports():
                return _ports(item.protocols, ((item.first, item.last),)), NO_PORT
            case s.PortsOf():
                return _ports(item.protocols, self.params.ports(item.param, item.span)), NO_PORT
            case s.Icmp():
                return _icmp(item), NO_PORT
            case s.WholeProtocol():
                return PortSet.protocol(item.number), NO_PORT
            case s.Anything():
                return ANY_PORT, NO_PORT
            case s.ServiceNamed():
                return self._service(item)
            case _:
                assert_never(item)

    def _service(self, item: s.ServiceNamed) -> tuple[PortSet, PortSet]:
        if item.name not in self.names.services:
            if item.name not in self.names.broken:
                message = f"unknown service `{item.name}`"
                self.found.append(error("NP112", message, item.span, hint=self._hint(item.name)))
            return NO_PORT, NO_PORT
        if item.name not in self._known:
            self._known[item.name] = self._named(item)
        return self._known[item.name]

    def _named(self, item: s.ServiceNamed) -> tuple[PortSet, PortSet]:
        service = self.names.services[item.name]
        if item.name in self._open:
            trail = " -> ".join([*self._open[self._open.index(item.name) :], item.name])
            message = f"services contain each other: {trail}"
            self.found.append(error("NP122", message, service.name.span, hint="remove one of the names"))
            return NO_PORT, NO_PORT
        if len(self._open) >= LONGEST_CHAIN:
            if not any(one.code == "NP131" for one in self.found):
                hint = f"{LONGEST_CHAIN} services in a chain are the most; name the ports"
                self.found.append(error("NP131", "services are nested too deep", service.name.span, hint=hint))
            return NO_PORT, NO_PORT
        self._open.append(item.name)
        ports, forwarded = self.ports(service.what)
        self._open.pop()
        if not service.forwarded:
            return ports, forwarded
        if ports - _PORTED:
            message = f"forwarded service `{item.name}` holds more than ports"
            hint = "address translation is by port: tcp, udp or sctp only"
            self.found.append(error("NP124", message, service.what.span, hint=hint))
        return ports, ports

    def _hint(self, name: str) -> str:
        near = did_you_mean(name, self.names.services)
        if near:
            return near
        if name in self.names.params:
            return f"that is a param: write `tcp ${name}`"
        if name in self.names.selectors:
            return "that names nodes or networks; a service says protocols and ports"
        written = _PORT_IN_NAME.fullmatch(name)
        if written:
            return f"write `{written[1]} {written[2]}`"
        if name in ("established", "related"):
            return "replies always pass; remove this"
        if name in ICMP_TYPES or name.replace("_", "-") in ICMP_TYPES:
            return f"each message stands behind its protocol: `icmp {name.replace('_', '-')}`"
        return "write `any`" if name == "ip" else f"declare it: `service {name} = {_WELL_KNOWN.get(name, 'tcp …')}`"

    def check_all(self) -> None:
        """Reports what is wrong in services that nobody uses, too."""
        for service in self.names.services.values():
            self._service(s.ServiceNamed(service.name.text, service.name.span))


def _ports(protocols: Iterable[int], pairs: Sequence[tuple[int, int]]) -> PortSet:
    return PortSet.union_all([PortSet.ports(number, pairs) for number in protocols])


def _icmp(icmp: s.Icmp) -> PortSet:
    kinds = [
        PortSet.icmp_any(family) if number is None else PortSet.icmp(family, number, code)
        for family, number, code in icmp.kinds
    ]
    return PortSet.union_all(kinds)


def what_text(what: s.What) -> str:
    """The list as a person writes it, without line breaks."""
    return " ".join(what.span.text.split())


def keys_text(ports: PortSet) -> str:
    """A text that is equal exactly when the sets are equal."""
    both = ((4, ports.v4), (6, ports.v6))
    return ";".join(f"{family}:{first:x}-{last:x}" for family, keys in both for first, last in keys)
