"""The words of a rule as another tool or a person would write them: they mean the same."""

from __future__ import annotations

import re
from ipaddress import ip_network

from hypothesis import strategies as st

from netpolicy.packet.family import Family
from netpolicy.targets.iptables.foreign import ICMP_TYPES
from tests.draws import pick

_STATES = re.compile(r"-m conntrack (! )?--ctstate (\S+)")
_NETWORK = re.compile(r"(?<= )(-s|-d|--ctorigdst) (\S+/\d+)")
_ICMP = re.compile(r"(--icmp(?:v6)?-type) (\d+)(?:/(\d+))?(?=$| )")
_CONNTRACK = " -m conntrack "
_WITHOUT_CONNECTION = {"INVALID", "UNTRACKED"}


def spelled(draw: st.DrawFn, family: Family, words: str) -> str:
    """The words, some of them in another spelling."""
    if not draw(st.booleans()):
        return words
    if _CONNTRACK in words:
        words = _joined(words) if draw(st.booleans()) else _STATES.sub(_by_state_match, words)
    words = _NETWORK.sub(lambda found: f"{found[1]} {ip_network(found[2]).with_netmask}", words)
    names: dict[tuple[int, int | None], list[str]] = {}
    for name, kind in ICMP_TYPES[family].items():
        names.setdefault(kind, []).append(name)

    def named(found: re.Match[str]) -> str:
        known = names.get((int(found[2]), None if found[3] is None else int(found[3])))
        return f"{found[1]} {pick(draw, known)}" if known else found[0]

    return _ICMP.sub(named, words)


def _by_state_match(found: re.Match[str]) -> str:
    """The older match, which knows fewer states."""
    if {"SNAT", "DNAT"} & set(found[2].split(",")):
        return found[0]
    return f"-m state {found[1] or ''}--state {found[2]}"


def _joined(words: str) -> str:
    """All that is asked of conntrack in one match, where the kernel looks at all of it.

    It ends after the state where a packet has no connection (xt_conntrack, Linux 6.18).
    """
    state = _STATES.search(words)
    if state is not None:
        asked = set(state[2].split(","))
        if (_WITHOUT_CONNECTION - asked) if state[1] else (_WITHOUT_CONNECTION & asked):
            return words
    first, *more = words.split(_CONNTRACK)
    return first + _CONNTRACK + " ".join(more)
