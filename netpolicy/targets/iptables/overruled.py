"""What others refuse of what our chains admit: policies, and rules that refuse every packet that comes to them.

Our chains give back to the built-in chain what they admit, and there it meets the rules of others, and the policy. A
refusal that has matches is a ban, and the business of others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netpolicy.netfilter import BASELINE, DEFAULT
from netpolicy.packet.addresses import FAMILIES
from netpolicy.targets.iptables.admits import first_admitting
from netpolicy.targets.iptables.consequence import Consequence
from netpolicy.targets.iptables.drift import Difference, Kind
from netpolicy.targets.iptables.live import Live, LiveChain, LiveRule, LiveTable, is_our_chain
from netpolicy.targets.iptables.normal import BUILT_IN
from netpolicy.targets.iptables.rules import Accept, Drop, Goto, Jump, Reject, Return, Ruleset, Table

_DEEPEST = 16


def overruling(live: Live, wanted: Ruleset) -> list[Difference]:
    """What refuses all that our chains give back, in the built-in chains that our jumps belong in, of both families."""
    return [one for family in FAMILIES for one in _of_family(live.table(family), wanted.table(family))]


def _of_family(live: LiveTable, wanted: Table) -> Iterator[Difference]:
    for due in wanted.chains:
        chain = live.chain(due.name)
        if due.name not in BUILT_IN or not due.rules or chain is None:
            continue
        rules = [(at, rule) for at, rule in enumerate(chain.rules, 1) if not is_our_chain(rule.target[0])]
        refusal, ends = _first_end(live, rules)
        if refusal is not None:
            yield _refused(live, chain, rules, refusal)
        if chain.policy not in ("ACCEPT", "") and not ends:
            yield _policy(live, chain, wanted)


Numbered = tuple[int, LiveRule]


def _first_end(live: LiveTable, rules: Sequence[Numbered]) -> tuple[Numbered | None, bool]:
    """The rule that refuses all that comes to it, and whether no packet is left then that meets the policy."""
    for at, rule in rules:
        if _refuses_all(live, rule):
            return (at, rule), False  # who takes it away is left with the policy
        if _is_bare(rule, Accept):
            return None, True
        if _is_bare(rule, Return):
            return None, False
    return None, False


def _refuses_all(live: LiveTable, rule: LiveRule, depth: int = 0) -> bool:
    """True when no packet comes past the rule: it refuses, or leads to a chain of others that does."""
    if _is_bare(rule, Drop, Reject):
        return True
    chain = live.chain(rule.target[0])
    if chain is None or depth == _DEEPEST or not _is_bare(rule, Jump, Goto):
        return False
    for one in chain.rules:
        if _refuses_all(live, one, depth + 1):
            return True
        if one.target[0] == "RETURN" or first_admitting(live, [one]) is not None:
            return False
    return False


def _is_bare(rule: LiveRule, *targets: type) -> bool:
    """True for a rule of that target that every packet matches."""
    read = rule.rule
    return read is not None and not read.matches and isinstance(read.target, targets)


def _refused(live: LiveTable, chain: LiveChain, rules: Sequence[Numbered], refusal: Numbered) -> Difference:
    before = [rule for at, rule in rules if at < refusal[0]]
    may = first_admitting(live, before) is not None
    why = ("rules ahead of it may admit",) if may else ()
    return Difference(Kind.REFUSED, live.family, chain.name, Consequence.CLOSES, live=refusal, found=why)


def _policy(live: LiveTable, chain: LiveChain, wanted: Table) -> Difference:
    """The policy, and why it may refuse nothing that we admit."""
    why = ""
    if first_admitting(live, (one for one in chain.rules if not is_our_chain(one.target[0]))) is not None:
        why = "rules behind our jump may admit"
    elif chain.name == "FORWARD" and not _forwards(wanted):
        why = "no statement sends anything on"
    does = Consequence.NOTHING if why else Consequence.CLOSES
    return Difference(Kind.POLICY, live.family, chain.name, does, found=(chain.policy, *([why] if why else [])))


def _forwards(wanted: Table) -> bool:
    """True when some statement admits what is sent on."""
    return any(
        isinstance(rule.target, Return) and rule.comment not in (BASELINE, DEFAULT)
        for chain in wanted.chains
        if chain.name.startswith("NP-FWD-")
        for rule in chain.rules
    )
