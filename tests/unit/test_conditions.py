"""Conditions that compare ports, and networks that keys of the cluster define."""

import pytest

from netpolicy.packet.addresses import Family, address_text
from tests.compiling import compiled

CLUSTER = """
policy: ./policy.netpol
params: {given: [35000-36000, 36001-40000]}
load_balancer_routers: [10.0.0.2, 10.0.0.3]
nodes:
  core: {roles: [router], address: 10.0.0.1}
  router[1-2]: {roles: [router], address: "10.0.0.[2-3]"}
"""
DECLARED = "role router\nparam given : ports\nparam one = 22\nparam several = 80, 443\n"


def active(condition: str) -> bool:
    """True when a statement under that condition stands in the policy."""
    text = f"{DECLARED}when {condition} {{ allow router -> router : tcp 1 }}\n"
    policy = compiled({"cluster.yaml": CLUSTER, "policy.netpol": text}).policy
    assert policy is not None
    return bool(policy.statements)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("given == 35000-40000", True),
        ("given != 35000-40000", False),
        ("given == 35000-39999", False),
        ("given == 35000", False),
        ("one == 22", True),
        ("one == 22-22", True),
        ("one != 23", True),
        ("several == 80", False),
        ("several != 80-443", True),
        ("not several == 80-443 and one == 22", True),
        ("exists load_balancer_routers", True),
        ("exists mbus", False),
        ("count(load_balancer_routers) == 2", True),
        ("count(router except load_balancer_routers) == 1", True),
    ],
)
def test_a_condition_holds(condition: str, holds: bool) -> None:
    """Ports are compared as sets, however they are listed."""
    assert active(condition) is holds


def test_the_routers_of_the_load_balancer_are_a_network() -> None:
    text = "role router\nallow load_balancer_routers -> router except load_balancer_routers : tcp 1\n"
    policy = compiled({"cluster.yaml": CLUSTER.replace("params:", "# "), "policy.netpol": text}).policy
    assert policy is not None
    (only,) = policy.statements
    assert only.who.addresses.v4 == ((0x0A000002, 0x0A000003),)
    assert [address_text(Family.V4, first) for first, _ in only.whom.addresses.v4] == ["10.0.0.1"]
    assert [one.name for one in policy.networks if one.addresses] == ["load_balancer_routers"]
