"""Which statements of a policy could go in its cluster: those in conflict and redundant ones, with blame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from netpolicy.dsl.syntax import Verb
from netpolicy.packet.cover import BUDGET, GaveUp, Kind
from netpolicy.packet.joint import TOTAL, Whole, needless_wholes
from netpolicy.policy.model import Policy, Statement
from netpolicy.verify.claims import claims


@dataclass(frozen=True, slots=True)
class Unneeded:
    """A statement that could go, by one of its directions, and those that are to blame together, denies first."""

    statement: Statement
    kind: Kind
    by: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Needless:
    """The statements that could go; of those in `given_up` it was not found out in so many `steps`."""

    found: tuple[Unneeded, ...]
    given_up: tuple[Statement, ...]
    steps: int

    def of(self, kind: Kind) -> tuple[Unneeded, ...]:
        """Those of one kind."""
        return tuple(one for one in self.found if one.kind is kind)


def needless(
    policy: Policy,
    written: Sequence[Sequence[Statement]],
    judged: Callable[[Statement], bool],
    budget: int = BUDGET,
    total: int = TOTAL,
) -> Needless:
    """The judged allows and denies that could go; of equal ones the first stays.

    `written` holds all active statements, each with all its directions. A statement that opens nothing at all here is
    not among the found.
    """
    ruling = [[one for one in each if not one.to_self] for each in written if each[0].verb in (Verb.ALLOW, Verb.DENY)]
    ruling = [each for each in ruling if each]
    boxes = iter(claims(policy, [one for each in ruling for one in each]))
    wholes = [
        Whole(tuple(box for _ in each for box in next(boxes)), each[0].verb is Verb.DENY, judged(each[0]))
        for each in ruling
    ]
    findings = needless_wholes(wholes, budget, total)
    found, given_up, steps = list[Unneeded](), dict[int, Statement](), 0
    for one in findings:
        statement = ruling[one.place][0]
        if isinstance(one.by, GaveUp):
            given_up[one.place] = statement
            steps = max(steps, one.by.steps)
        else:
            found.append(Unneeded(statement, one.kind, tuple(ruling[place][0] for place in one.by.places)))
    return Needless(tuple(found), tuple(given_up.values()), steps)
