"""The emitted text means the policy, whatever the policy, the cluster and the packet.

The specification reads the syntax tree and the cluster, `decide` the text that would be loaded; they share no code.
"""

from hypothesis import HealthCheck, given, settings

from netpolicy.packet.packets import describe
from netpolicy.targets.iptables.decide import Verdict, decide
from tests.compiling import compiled, rulesets
from tests.specification import Specification
from tests.strategies import Case, cases

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def agree(case: Case, *, inline: bool) -> None:
    """Every packet of the case passes in the text exactly when the specification admits it."""
    pipeline = compiled({"cluster.yaml": case.cluster_text, "policy.netpol": case.policy_text}, inline=inline)
    specification = Specification([case.policy], case.cluster)
    loaded = rulesets(pipeline)
    for node, packet in case.packets:
        decision = decide(loaded[node], packet)
        admitted = specification.admits(node, packet)
        told = [f"{step.chain}: {step.rule}" for step in decision.why]
        shown = "\n".join([node, describe(packet), f"{admitted=}", *told])
        assert (decision.verdict is Verdict.ALLOW) is admitted, shown


@settings(max_examples=250, suppress_health_check=SLOW)
@given(cases())
def test_the_text_admits_what_the_policy_says_and_nothing_else(case: Case) -> None:
    agree(case, inline=False)


@settings(max_examples=120, suppress_health_check=SLOW)
@given(cases())
def test_so_does_the_text_without_sets(case: Case) -> None:
    agree(case, inline=True)
