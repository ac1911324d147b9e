"""Forecasts of quotas: told where the cluster asks for a cloud, from the groups that it would get."""

import pytest

from netpolicy.diagnostic import Diagnostic
from netpolicy.lint.aws_quota import MOST
from netpolicy.lint.neutron_quota import GROUPS, IN_DEFAULT, RULES
from tests.compiling import compiled
from tests.errors.diagnose import CLUSTER, POLICY, linted

NODES = "nodes:\n  a: {roles: [web], address: [10.0.0.1, '2001:db8::1']}\n  b: {roles: [db], address: 10.0.0.2}\n"
HEAD = "role web, db\n"


def found(code: str, policy: str, clouds: str) -> list[Diagnostic]:
    told = linted({CLUSTER: f"policy: ./{POLICY}\nclouds: {clouds}\n{NODES}", POLICY: HEAD + policy})
    assert not [one for one in told if one.severity.value == "error"]
    return [one for one in told if one.code == code]


def ports(count: int) -> str:
    return ", ".join(f"tcp {10000 + 2 * number}" for number in range(count))


@pytest.mark.parametrize(("count", "blamed"), [(MOST, []), (MOST + 1, ["aws np:cluster:db"])])
@pytest.mark.parametrize("who", ["web", "10.1.0.0/16"])
def test_aws_takes_60_rules_one_way(who: str, count: int, blamed: list[str]) -> None:
    """A peer that is a group counts as one that is a network."""
    policy = f"allow {who} -> db : {ports(count)}\n"
    assert [one.subject for one in found("NP612", policy, "[aws]")] == blamed
    assert found("NP612", policy, "[neutron]") == []


@pytest.mark.parametrize(("v4", "v6", "count"), [(60, 60, 0), (61, 30, 1), (30, 61, 1)])
def test_the_families_are_counted_apart(v4: int, v6: int, count: int) -> None:
    policy = f"allow 10.1.0.0/16 -> web : {ports(v4)}\nallow 2001:db8:1::/48 -> web : {ports(v6)}\n"
    assert len(found("NP612", policy, "[aws]")) == count


def test_neutron_gives_100_rules() -> None:
    """Those of the file count, and those of the group `default`."""
    counts = []
    for number in range(10, 100, 5):
        policy = f"allow 10.1.0.0/16 -> db : {ports(number)}\n"
        texts = {"cluster.yaml": f"policy: ./policy.netpol\nclouds: [neutron]\n{NODES}", "policy.netpol": HEAD + policy}
        (file,) = [one for one in compiled(texts).security_groups()[0] if one.name == "neutron"]
        rules = file.text.count('"ethertype"') + IN_DEFAULT
        told = found("NP613", policy, "[neutron]")
        assert bool(told) is (rules > RULES)
        counts.append(bool(told))
        assert found("NP613", policy, "[aws]") == []
    assert set(counts) == {False, True}


def test_neutron_gives_10_groups() -> None:
    """`default` is one of them."""
    counts = []
    for number in range(3, 12):
        names = [f"r{one}" for one in range(number)]
        policy = f"role {', '.join(names)}\nallow {', '.join(names)} -> r0 : tcp 22\n"
        nodes = "".join(f"  {name}: {{roles: [{name}], address: 10.0.1.{at}}}\n" for at, name in enumerate(names))
        texts = {
            "cluster.yaml": f"policy: ./policy.netpol\nclouds: [neutron]\nnodes:\n{nodes}",
            "policy.netpol": policy,
        }
        pipeline = compiled(texts)
        (file,) = [one for one in pipeline.security_groups()[0] if one.name == "neutron"]
        told = [one for one in pipeline.diagnostics if one.code == "NP613"]
        assert bool(told) is (file.text.count('"stateful"') + 1 > GROUPS)
        counts.append(bool(told))
    assert set(counts) == {False, True}


def test_neutron_says_what_to_ask_for() -> None:
    (one,) = found("NP613", f"allow 10.1.0.0/16 -> db : {ports(120)}\n", "[aws, neutron]")
    assert one.hint.startswith("`openstack quota set --secgroups ")
    assert one.span is not None
    assert one.span.text == "neutron"
    assert GROUPS == 10
