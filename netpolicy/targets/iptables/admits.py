"""Whether rules of others could let a packet through before ours see it.

They are not understood, so the answer is on the safe side: a match may hold, and a target that is not known to go on or
to refuse may admit.
"""

from __future__ import annotations

from collections.abc import Iterable

from netpolicy.targets.iptables.live import LiveRule, LiveTable, is_our_chain

REFUSES = frozenset({"DROP", "REJECT"})
GOES_ON = frozenset(
    {
        *("AUDIT", "CHECKSUM", "CLASSIFY", "CONNMARK", "CONNSECMARK", "CT", "DSCP", "ECN", "HL", "HMARK", "IDLETIMER"),
        *("LED", "LOG", "MARK", "NFLOG", "NOTRACK", "RATEEST", "SECMARK", "SET", "TCPMSS", "TCPOPTSTRIP", "TEE"),
        *("TOS", "TRACE", "TTL", "ULOG", ""),
    }
)
"""Targets after which the next rule is met (iptables-extensions(8)); a rule without a target only counts."""


def first_admitting(table: LiveTable, rules: Iterable[LiveRule]) -> LiveRule | None:
    """The first of these rules of a built-in chain that could end the way of a packet there without a refusal.

    What leads to our chains by itself is a jump, and judged as one; what is in them is judged where others lead there.
    """
    known: dict[str, bool] = {}
    for rule in rules:
        target, gone = rule.target
        # To the policy of the built-in chain: what returns in it, and a chain that is entered by `-g` and runs out.
        to_policy = target == "RETURN" or (gone and not is_our_chain(target))
        if to_policy or (not is_our_chain(target) and _admits(table, target, known)):
            return rule
    return None


def _admits(table: LiveTable, target: str, known: dict[str, bool]) -> bool:
    chain = table.chain(target)
    if chain is None:  # a chain may bear the name of a target that its family, or this machine, does not have
        return target not in REFUSES | GOES_ON | {"RETURN"}
    if target not in known:
        known[target] = False  # a loop, which no kernel has, admits nothing by itself
        known[target] = any(_admits(table, rule.target[0], known) for rule in chain.rules)
    return known[target]
