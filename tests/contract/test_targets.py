"""The contract of a target, held by every one that is installed."""

import pytest
from hypothesis import HealthCheck, given, settings

from netpolicy.netfilter import LONGEST_CHAIN, LONGEST_COMMENT, LONGEST_SET
from netpolicy.packet.addresses import EVERYWHERE, Family
from netpolicy.packet.packets import Packet, State
from netpolicy.pipeline import targets
from netpolicy.policy.model import Egress
from netpolicy.source import Source
from netpolicy.targets import Options, Target
from tests.compiling import compiled
from tests.strategies import Case, cases

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
EVERY_TARGET = pytest.mark.parametrize("target", targets(), ids=lambda target: target.name)


def test_iptables_is_installed() -> None:
    assert [target.name for target in targets()] == ["iptables"]


@EVERY_TARGET
@pytest.mark.parametrize("inline", [False, True], ids=["sets", "inline"])
@settings(max_examples=40, suppress_health_check=SLOW)
@given(case=cases(count=0))
def test_what_is_read_back_is_what_was_lowered(target: Target, inline: bool, case: Case) -> None:
    pipeline = compiled({"cluster.yaml": case.cluster_text, "policy.netpol": case.policy_text}, inline=inline)
    for plan in pipeline.plans:
        lowered, _ = target.lower(plan, Options(inline_sets=inline))
        files = target.render(lowered)
        assert files == target.render(target.lower(plan, Options(inline_sets=inline))[0])
        assert set(files) == set(target.files)
        read, found = target.read({name: Source(name, text) for name, text in files.items()})
        assert found == []
        assert read == lowered


@EVERY_TARGET
@settings(max_examples=40, suppress_health_check=SLOW)
@given(case=cases(count=0))
def test_names_fit_what_the_kernel_keeps(target: Target, case: Case) -> None:
    pipeline = compiled({"cluster.yaml": case.cluster_text, "policy.netpol": case.policy_text})
    for plan in pipeline.plans:
        lowered, _ = target.lower(plan, pipeline.options)
        for chain in (chain for table in (lowered.v4, lowered.v6) for chain in table.chains):
            assert len(chain.name) <= LONGEST_CHAIN
            assert all(len(rule.comment) <= LONGEST_COMMENT for rule in chain.rules)
        assert all(len(one.name) <= LONGEST_SET for one in lowered.sets)


@EVERY_TARGET
def test_nothing_is_open_where_nothing_is_allowed(target: Target) -> None:
    cluster = "policy: ./empty.netpol\nnodes:\n  lone: {address: [10.0.0.1, 'fd00::1']}\n"
    pipeline = compiled({"cluster.yaml": cluster, "empty.netpol": "policy empty\n"})
    (plan,) = pipeline.plans
    assert (plan.inbound, plan.egress) == ((), Egress.OPEN)
    files = target.render(target.lower(plan, pipeline.options)[0])
    ruleset, _ = target.read({name: Source(name, text) for name, text in files.items()})
    for family, own in ((Family.V4, 0x0A000001), (Family.V6, (0xFD00 << 112) + 1)):
        first, last = EVERYWHERE.of(family)[0]
        for source in (first + 1, own + 1, last - 1):
            for protocol, port in ((6, 22), (17, 53), (47, 0), (132, 7)):
                came = Packet(family, source, own, protocol, port, 40000, "eth0")
                assert target.decide(ruleset, came).verdict.value == "drop"
                answer = Packet(family, source, own, protocol, port, 40000, "eth0", state=State.ESTABLISHED)
                assert target.decide(ruleset, answer).verdict.value == "allow"
