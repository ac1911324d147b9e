"""Words of rules by others: spellings, the options of each match, targets and names of icmp types.

From iptables(8), ip6tables(8) and iptables-extensions(8) of iptables 1.8.9.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from netpolicy.packet.addresses import Family
from netpolicy.targets.iptables.admits import GOES_ON
from netpolicy.targets.iptables.options import NEEDS_PROTOCOL as NEEDED
from netpolicy.targets.iptables.protocols import DCCP, SCTP, TCP, UDP, UDPLITE

SPELLINGS: Mapping[str, str] = MappingProxyType(
    {
        "--append": "-A",
        "--insert": "-I",
        "--new-chain": "-N",
        "--policy": "-P",
        "--protocol": "-p",
        "--proto": "-p",
        "--source": "-s",
        "--src": "-s",
        "--destination": "-d",
        "--dst": "-d",
        "--in-interface": "-i",
        "--out-interface": "-o",
        "--fragment": "-f",
        "--fragments": "-f",
        "--jump": "-j",
        "--goto": "-g",
        "--match": "-m",
        "--set-counters": "-c",
        "--ipv4": "-4",
        "--ipv6": "-6",
        "--source-port": "--sport",
        "--destination-port": "--dport",
        "--source-ports": "--sports",
        "--destination-ports": "--dports",
    }
)
"""The long words of an option, and the one that is used here."""
SHORT = frozenset(["-A", "-I", "-p", "-s", "-d", "-i", "-o", "-f", "-j", "-g", "-m", "-c"])
OWN = frozenset({"-s", "-d", "-i", "-o", "-p"})
"""Options of one value that every rule has."""

PORT_MODULES: Mapping[str, int] = MappingProxyType(
    {"tcp": TCP, "udp": UDP, "sctp": SCTP, "dccp": DCCP, "udplite": UDPLITE}
)
NEEDS_PROTOCOL: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {**NEEDED, **{name: (number,) for name, number in PORT_MODULES.items()}}
)
MODULE_SPELLINGS: Mapping[str, str] = MappingProxyType({"icmpv6": "icmp6", "ipv6-icmp": "icmp6"})

_PORTS = {"--sport": 1, "--dport": 1}
OPTIONS: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "tcp": {**_PORTS, "--tcp-flags": 2, "--syn": 0, "--tcp-option": 1},
        "udp": _PORTS,
        "udplite": _PORTS,
        "sctp": {**_PORTS, "--chunk-types": 2},
        "dccp": {**_PORTS, "--dccp-types": 1, "--dccp-option": 1},
        "multiport": {"--sports": 1, "--dports": 1, "--ports": 1},
        "icmp": {"--icmp-type": 1},
        "icmp6": {"--icmpv6-type": 1},
        "iprange": {"--src-range": 1, "--dst-range": 1},
        "mac": {"--mac-source": 1},
        "state": {"--state": 1},
        "conntrack": {
            **dict.fromkeys(("--ctstate", "--ctproto", "--ctstatus", "--ctexpire", "--ctdir"), 1),
            **dict.fromkeys(("--ctorigsrc", "--ctorigdst", "--ctreplsrc", "--ctrepldst"), 1),
            **dict.fromkeys(("--ctorigsrcport", "--ctorigdstport", "--ctreplsrcport", "--ctrepldstport"), 1),
        },
        "set": {
            "--match-set": 2,
            "--set": 2,
            "--return-nomatch": 0,
            "--update-counters": 0,
            "--update-subcounters": 0,
            **dict.fromkeys((f"--{what}-{how}" for what in ("packets", "bytes") for how in ("eq", "lt", "gt")), 1),
        },
        "comment": {"--comment": 1},
        "limit": {"--limit": 1, "--limit-burst": 1},
        "LOG": {
            "--log-prefix": 1,
            "--log-level": 1,
            "--log-uid": 0,
            "--log-macdecode": 0,
            "--log-tcp-sequence": 0,
            "--log-tcp-options": 0,
            "--log-ip-options": 0,
        },
        "REJECT": {"--reject-with": 1},
    }
)
"""The options of the matches and targets that are understood, with the number of their values."""
FREE = frozenset({"--comment", "--log-prefix", "--nflog-prefix", "--ulog-prefix", "--string", "--hex-string"})
"""Options whose value may begin with a dash."""
POSITIVE = frozenset({"--comment", "--limit", "--limit-burst", "--log-prefix", "--log-level", "--reject-with"})
"""Options that no `!` may stand before."""
ALONE = frozenset({*PORT_MODULES, "limit", "LOG", "REJECT"})
"""Of these, what stands without an option."""

ONE_SIDED = frozenset(
    {"ah", "connbytes", "connlabel", "connmark", "conntrack", "dst", "esp", "frag", "hbh", "mh", "osf", "rt"}
)
"""Matches that answer no, negated or not, where a packet lacks what they look at: `! x` is not the opposite of `x`."""

DECIDED_ELSEWHERE = frozenset({"NFQUEUE", "QUEUE"})
"""Targets where a program decides whether the packet passes."""
UNKNOWN_VERDICT = frozenset(
    {"CHAOS", "CLUSTERIP", "DELUDE", "DNPT", "ECHO", "MIRROR", "ROUTE", "SNPT", "STEAL", "SYNPROXY", "TARPIT", "TPROXY"}
)
ELSEWHERE = frozenset({"BALANCE", "DNAT", "MASQUERADE", "NETMAP", "REDIRECT", "SAME", "SNAT"})
"""Targets of the nat table only."""
EXTENSIONS = GOES_ON | DECIDED_ELSEWHERE | UNKNOWN_VERDICT | {"REJECT"}

_SHORT_ANSWERS = {
    Family.V4: {
        "net-unreach": "icmp-net-unreachable",
        "host-unreach": "icmp-host-unreachable",
        "proto-unreach": "icmp-proto-unreachable",
        "port-unreach": "icmp-port-unreachable",
        "net-prohib": "icmp-net-prohibited",
        "host-prohib": "icmp-host-prohibited",
        "admin-prohib": "icmp-admin-prohibited",
        "tcp-rst": "tcp-reset",
    },
    Family.V6: {
        "no-route": "icmp6-no-route",
        "adm-prohibited": "icmp6-adm-prohibited",
        "addr-unreach": "icmp6-addr-unreachable",
        "port-unreach": "icmp6-port-unreachable",
        "policy-fail": "icmp6-policy-fail",
        "reject-route": "icmp6-reject-route",
    },
}
SHORT_ANSWERS: Mapping[Family, Mapping[str, str]] = MappingProxyType(_SHORT_ANSWERS)
"""Short words for `--reject-with`."""

LOG_LEVELS = frozenset(
    {"emerg", "panic", "alert", "crit", "err", "error", "warning", "warn", "notice", "info", "debug", *"01234567"}
)

IcmpType = tuple[int, int | None]
_ICMP: dict[str, IcmpType] = {
    "echo-reply": (0, None),
    "pong": (0, None),
    "destination-unreachable": (3, None),
    "network-unreachable": (3, 0),
    "host-unreachable": (3, 1),
    "protocol-unreachable": (3, 2),
    "port-unreachable": (3, 3),
    "fragmentation-needed": (3, 4),
    "source-route-failed": (3, 5),
    "network-unknown": (3, 6),
    "host-unknown": (3, 7),
    "network-prohibited": (3, 9),
    "host-prohibited": (3, 10),
    "tos-network-unreachable": (3, 11),
    "tos-host-unreachable": (3, 12),
    "communication-prohibited": (3, 13),
    "host-precedence-violation": (3, 14),
    "precedence-cutoff": (3, 15),
    "source-quench": (4, None),
    "redirect": (5, None),
    "network-redirect": (5, 0),
    "host-redirect": (5, 1),
    "tos-network-redirect": (5, 2),
    "tos-host-redirect": (5, 3),
    "echo-request": (8, None),
    "ping": (8, None),
    "router-advertisement": (9, None),
    "router-solicitation": (10, None),
    "time-exceeded": (11, None),
    "ttl-exceeded": (11, None),
    "ttl-zero-during-transit": (11, 0),
    "ttl-zero-during-reassembly": (11, 1),
    "parameter-problem": (12, None),
    "ip-header-bad": (12, 0),
    "required-option-missing": (12, 1),
    "timestamp-request": (13, None),
    "timestamp-reply": (14, None),
    "address-mask-request": (17, None),
    "address-mask-reply": (18, None),
}
_ICMPV6: dict[str, IcmpType] = {
    "destination-unreachable": (1, None),
    "no-route": (1, 0),
    "communication-prohibited": (1, 1),
    "beyond-scope": (1, 2),
    "address-unreachable": (1, 3),
    "port-unreachable": (1, 4),
    "failed-policy": (1, 5),
    "reject-route": (1, 6),
    "packet-too-big": (2, None),
    "time-exceeded": (3, None),
    "ttl-exceeded": (3, None),
    "ttl-zero-during-transit": (3, 0),
    "ttl-zero-during-reassembly": (3, 1),
    "parameter-problem": (4, None),
    "bad-header": (4, 0),
    "unknown-header-type": (4, 1),
    "unknown-option": (4, 2),
    "echo-request": (128, None),
    "ping": (128, None),
    "echo-reply": (129, None),
    "pong": (129, None),
    "mld-listener-query": (130, None),
    "mld-listener-report": (131, None),
    "mld-listener-done": (132, None),
    "mld-listener-reduction": (132, None),
    "router-solicitation": (133, None),
    "router-advertisement": (134, None),
    "neighbour-solicitation": (135, None),
    "neighbor-solicitation": (135, None),
    "neighbour-advertisement": (136, None),
    "neighbor-advertisement": (136, None),
    "redirect": (137, None),
}
ICMP_TYPES: Mapping[Family, Mapping[str, IcmpType]] = MappingProxyType({Family.V4: _ICMP, Family.V6: _ICMPV6})
TCP_FLAGS: Mapping[str, int] = MappingProxyType(
    {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32, "ALL": 63, "NONE": 0}
)
