"""What the random cases reach: every word and feature of the language, both verdicts, every place and state."""

import re
from collections import Counter

from hypothesis import HealthCheck, given, settings

from netpolicy.dsl.vocabulary import PROTOCOL_WORDS, STATEMENT_WORDS
from netpolicy.packet.packets import Packet, State
from tests.specification import Specification
from tests.strategies import Case, cases

# `include` needs a second file.
FEATURES = {
    **{f"statement {word}": rf"^ *{word}\b" for word in STATEMENT_WORDS if word != "include"},
    **{f"protocol {word}": rf"[:=,] (tcp.)?{word}\b" for word in PROTOCOL_WORDS},
    **{
        f"selector {word}": rf"(allow|deny|->|,|&|\() {word}\b"
        for word in ("all", "world", "outside", "mbus", "load_balancer_routers")
    },
    **{f"count {signs}": rf"when .*\) [{signs}]=? \d" for signs in ("=!", "<", ">")},
    "to self": "-> self :",
    "any": ": any",
    "both ways": " <-> ",
    "except": r"\bexcept\b",
    "intersection": " & ",
    "list of selectors": r"(allow|deny) [^:]*, [^:]*->",
    "alias as a selector": r'(allow|deny) [^\n]*"Old Name"',
    "node": r"node (core|lb|dea2|web10)\b",
    "node range": r"node (dea|web)\[",
    "address": r"10\.0\.0\.\d\b(?!/)",
    "v4 network": r"(allow|deny) .*\d\.\d+/\d",
    "v6 network": r"(allow|deny) .*::/\d",
    "whole family": r" 0\.0\.0\.0/0",
    "on an interface": r"@eth1",
    "multicast v4": r"@224\.0\.0\.251",
    "multicast v6": "@ff02::fb",
    "virtual unicast": r"@10\.0\.0\.200",
    "virtual deny": r"deny .*@[\da-f]+[.:]",
    "other spelling": "Load-Balancer",
    "service by name": r": (.*, )?(ssh|web|Ping-It)\b",
    "service in a service": "service web = .*ssh",
    "forwarded by name": ": (.*, )?apps",
    "two protocols": r"tcp\+udp 53",
    "param as ports": r"\$harbor_ports",
    "flag": r"param log_streaming.*= (on|off)",
    "choice": r"param cni = canal \|",
    "ports": r"param harbor_ports = \d",
    "ports without a default": "param harbor_ports : ports",
    "egress open": "option egress = open",
    "egress enforced": "option egress = enforced",
    "refuse": "option refuse = reject",
    "not": "when .*not ",
    "and": r"when .*\) and ",
    "or": r"when .*\) or ",
    "exists": "when .*exists ",
    "flag compared": "log_streaming == o",
    "ports compared": r"harbor_ports == \d",
    "ports not compared": r"harbor_ports != \d",
    "choice compared": "cni != c",
    "nested when": "^ +when ",
    **{
        f"demand {word}": rf"(require|advise) .*\b{word}\b"
        for word in ("exactly", "at least", "no", "exists", "with", "alone")
    },
    **{
        f"attribute {word}": rf"\s{word} \S"
        for word in ("because", "source", "owner", "ticket", "expires", "review", "tag")
    },
    "attributes in braces": r"\{\n +(because|owner|log)",
    "log": r"\slog( [a-z]|$)",
    "log at a rate": "log 5/second",
}


def seen_in(case: Case) -> Counter[str]:
    """What stands in the texts of the case."""
    found = Counter(name for name, pattern in FEATURES.items() if re.search(pattern, case.policy_text, re.MULTILINE))
    for node in case.cluster.nodes:
        families = {family for family, _ in node.addresses}
        found["dual stack" if len(families) == 2 else f"only {families.pop().name}"] += 1
        found[f"{len(node.interfaces)} interfaces"] += 1
        found[f"{len(node.roles)} roles"] += 1
        found[f"addresses {node.addresses_are.value}"] += 1
        found["labels"] += bool(node.labels)
    return found


def place_of(asked: Packet) -> str:
    if asked.in_interface and asked.out_interface:
        return "published" if asked.dnat else "sent on"
    return "going out" if asked.out_interface else "coming in"


NEEDED = {
    *FEATURES,
    *("dual stack", "only V4", "only V6", "1 interfaces", "2 interfaces", "0 roles", "1 roles", "2 roles", "labels"),
    *("addresses static", "addresses leased", "addresses persistent"),
    *(
        f"{place} {verdict}"
        for place in ("coming in", "going out", "published", "sent on")
        for verdict in ("admitted", "refused")
    ),
    *(f"state {state.value}" for state in State),
    *(f"by {reason}" for reason in ("allow", "deny", "invalid", "egress is open", "nothing allows it")),
}


def test_random_cases_reach_every_word_and_both_verdicts() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=250, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(cases())
    def collect(case: Case) -> None:
        seen.update(seen_in(case))
        specification = Specification([case.policy], case.cluster)
        for node, asked in case.packets:
            ruling = specification.deciding(node, asked)
            verdict = "admitted" if ruling.admitted else "refused"
            seen.update((verdict, f"{place_of(asked)} {verdict}", f"state {asked.state.value}"))
            seen[f"by {ruling.reason.partition(' at ')[0]}"] += 1

    collect()
    assert sorted(NEEDED - set(seen)) == []
    assert 0.3 <= seen["admitted"] / (seen["admitted"] + seen["refused"]) <= 0.7


@settings(max_examples=30)
@given(cases(promises=True, count=1))
def test_cases_with_promises_are_read_too(case: Case) -> None:
    assert re.search(r"^(never|expect|require) ", case.policy_text, re.MULTILINE)
