"""Rules about a node: each judges a machine against what the cluster says of it. Their pages lie in `pages`.

A rule is one module here that offers `RULE`. The registry finds it; nothing else names it. `lint` knows none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from netpolicy.diagnostic import Diagnostic, Severity, one_line
from netpolicy.policy.cluster import Address, AddressesAre
from netpolicy.policy.identity import Identity
from netpolicy.policy.nodestate import NodeState
from netpolicy.registry import modules

STATIC_IP = "set the static address with `kato op static_ip`"
MBUS_MOVED = (
    "after a change of the MBUS address run `kato node migrate` on the core and `kato node attach` on all other nodes, "
    "and compile again: the rules of every node are stale"
)
"""What the operator does about the address of the message bus, as every finding about it says."""


@dataclass(frozen=True, slots=True)
class View:
    """What a rule sees: what the cluster says of the node, all nodes as far as they are known, and the machine."""

    identity: Identity
    nodes: Sequence[Identity]
    state: NodeState

    def declared(self) -> Iterable[tuple[str, Address]]:
        """Each declared address with its interface."""
        return [(card.name, address) for card in self.identity.interfaces for address in card.addresses]

    def is_mbus(self, address: Address) -> bool:
        """True for the address by which all nodes know the message bus."""
        return address == self.identity.mbus

    def must_stay(self, address: Address) -> bool:
        """True for the MBUS address, unless the cluster file says that the cloud keeps it for good."""
        return self.is_mbus(address) and self.identity.addresses_are is not AddressesAre.PERSISTENT


Check = Callable[[View], Iterable[Diagnostic]]


@dataclass(frozen=True, slots=True)
class NodeRule:
    """A code, how much its findings weigh, and its check.

    `needs` names what of the state may not have been looked at: then nothing is found.
    """

    code: str
    severity: Severity
    check: Check
    needs: str = ""

    def finding(
        self, message: str, hint: str = "", notes: Sequence[str] = (), severity: Severity | None = None
    ) -> Diagnostic:
        """A finding of this rule; `notes` hold what changes by the second, such as the rest of a lease."""
        weight = severity or self.severity
        return Diagnostic(self.code, one_line(message), (), one_line(hint), weight, tuple(map(one_line, notes)))

    def applies(self, state: NodeState) -> bool:
        """True when the state has what the check looks at."""
        return not self.needs or getattr(state, self.needs) is not None


@cache
def node_rules() -> tuple[NodeRule, ...]:
    """Every rule about a node, by code."""
    return tuple(sorted((module.RULE for module in modules(__name__)), key=lambda rule: str(rule.code)))


def judge_node(identity: Identity, nodes: Sequence[Identity], state: NodeState) -> list[Diagnostic]:
    """What all rules find about a node, by code."""
    view = View(identity, nodes, state)
    return [found for rule in node_rules() if rule.applies(state) for found in rule.check(view)]
