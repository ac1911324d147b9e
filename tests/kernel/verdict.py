"""Which of two rulesets is in force, told by packets alone.

The clusters `flip-a.yaml` and `flip-b.yaml` differ in one port of `core`: 22 is open in both, 1111 in the old one only,
2222 in the new one only, 9999 in neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path

from netpolicy.packet.ports import Protocol
from tests.kernel.lab import Namespace
from tests.kernel.probe import Probe, admitted

HERE = Path(__file__).parent
OLD_CLUSTER, NEW_CLUSTER = HERE / "flip-a.yaml", HERE / "flip-b.yaml"
NODE, PEER = "core", "client"
# From the peer to the node, by family.
ROUTE = {4: ("10.50.0.2", "10.50.0.1"), 6: ("2001:db8:50::2", "2001:db8:50::1")}
BOTH, OLD_ONLY, NEW_ONLY, NEITHER = 22, 1111, 2222, 9999
# UDP ports for streams.
ALLOWED, FORBIDDEN = 7000, 9999


class State(Enum):
    """What the packets of one family say."""

    OLD = frozenset({BOTH, OLD_ONLY})
    NEW = frozenset({BOTH, NEW_ONLY})
    OPEN = frozenset({BOTH, OLD_ONLY, NEW_ONLY, NEITHER})
    LOCKED = frozenset[int]()
    MIXED = None


def verdict(spaces: Mapping[str, Namespace]) -> dict[int, State]:
    """The state of the node, by family."""
    asked = {
        Probe(PEER, *ends, Protocol.TCP, port)
        for ends in ROUTE.values()
        for port in (BOTH, OLD_ONLY, NEW_ONLY, NEITHER)
    }
    passed = admitted(spaces, asked)
    states = {version: _state(passed, version) for version in ROUTE}
    if {State.LOCKED, State.MIXED} & set(states.values()):
        # An answer is proof, silence may be a busy machine: before bad news, ask again those that were silent.
        passed |= admitted(spaces, asked - passed)
    return {version: _state(passed, version) for version in ROUTE}


def _state(passed: set[Probe], version: int) -> State:
    ports = frozenset(probe.port for probe in passed if probe.version == version)
    return next((state for state in State if state.value == ports), State.MIXED)
