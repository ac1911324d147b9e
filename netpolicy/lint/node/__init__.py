"""Rules about a node: each judges a machine against what the cluster says of it, and brings the page of its code.

A rule is one module here that offers `RULE`. The registry finds it; nothing else names it. `lint` knows none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from netpolicy.diagnostic import Diagnostic, Severity, one_line
from netpolicy.policy.identity import Identity
from netpolicy.policy.nodestate import NodeState
from netpolicy.registry import modules

Check = Callable[[Identity, Sequence[Identity] | None, NodeState], Iterable[Diagnostic]]
"""What is found about a node, with all nodes of the cluster where they are known, and the state of the machine."""


@dataclass(frozen=True, slots=True)
class NodeRule:
    """A code, how much its findings weigh, its page, and its check.

    `needs` names what of the state may not have been looked at: then nothing is found. A rule without `check` has
    findings that its command gives.
    """

    code: str
    severity: Severity
    page: str
    check: Check | None = None
    needs: str = ""

    @property
    def title(self) -> str:
        """What the page's heading says."""
        return self.page.partition("\n")[0].removeprefix(f"# {self.code}: ")

    def finding(
        self, message: str, hint: str = "", notes: Sequence[str] = (), severity: Severity | None = None
    ) -> Diagnostic:
        """A finding of this rule; `notes` hold what changes by the second, such as the rest of a lease."""
        weight = severity or self.severity
        return Diagnostic(self.code, one_line(message), (), one_line(hint), weight, tuple(notes))

    def applies(self, state: NodeState) -> bool:
        """True when the state has what the check looks at."""
        return self.check is not None and (not self.needs or getattr(state, self.needs) is not None)


@cache
def node_rules() -> tuple[NodeRule, ...]:
    """Every rule about a node, by code."""
    return tuple(sorted((module.RULE for module in modules(__name__)), key=lambda rule: str(rule.code)))


def judge_node(identity: Identity, nodes: Sequence[Identity] | None, state: NodeState) -> list[Diagnostic]:
    """What all rules find about a node."""
    return [
        found
        for rule in node_rules()
        if rule.check is not None and rule.applies(state)
        for found in rule.check(identity, nodes, state)
    ]
