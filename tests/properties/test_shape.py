"""What every emitted ruleset looks like, whatever the policy and the cluster."""

import re

from hypothesis import HealthCheck, given, settings

from netpolicy.netfilter import BASELINE, DEFAULT
from netpolicy.packet.addresses import EVERYWHERE, FAMILIES
from netpolicy.pipeline import Pipeline
from netpolicy.targets.iptables.normal import BUILT_IN
from netpolicy.targets.iptables.rules import AddressRange, InSet, Jump, Network, Return, Rule, Side
from tests.compiling import compiled, rulesets
from tests.strategies import Case, cases

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
STATEMENT = re.compile(r"np:[0-9a-f]{8}(,[0-9a-f]{8})*")
ENTRIES = {"INPUT": "NETPOLICY-IN", "FORWARD": "NETPOLICY-FWD", "OUTPUT": "NETPOLICY-OUT"}


@settings(max_examples=80, suppress_health_check=SLOW)
@given(cases(count=0))
def test_every_ruleset_has_the_shape_of_the_design(case: Case) -> None:
    pipeline = compiled({"cluster.yaml": case.cluster_text, "policy.netpol": case.policy_text})
    assert pipeline.policy is not None
    worldwide = {
        (family, one.id)
        for one in pipeline.policy.statements
        for family in FAMILIES
        if one.who.addresses.of(family) == EVERYWHERE.of(family)
    }
    for ruleset in rulesets(pipeline).values():
        for family in FAMILIES:
            table = ruleset.table(family)
            for built_in, entry in ENTRIES.items():
                first, second = table.chain(built_in), table.chain(entry)
                assert (
                    first is not None
                    and first.policy == "ACCEPT"
                    and [rule.target for rule in first.rules] == [Jump(entry)]
                )
                assert second is not None and len(second.rules) <= 1
            for chain in table.chains:
                assert chain.name in BUILT_IN or re.fullmatch(
                    r"NETPOLICY-(IN|FWD|OUT)|NP-(IN|FWD|OUT)-[0-9a-f]{8}(-[a-z0-9-]+)?", chain.name
                )
                for rule in chain.rules:
                    assert (
                        rule.comment in (BASELINE, DEFAULT)
                        or STATEMENT.fullmatch(rule.comment)
                        or rule.comment.startswith("np:ruleset ")
                    )
                    ids = rule.comment.removeprefix("np:").split(",")
                    if STATEMENT.fullmatch(rule.comment) and isinstance(rule.target, Return) and "-IN-" in chain.name:
                        assert has_source(rule) or any((family, one) in worldwide for one in ids), rule


def has_source(rule: Rule) -> bool:
    return any(
        isinstance(match, InSet | Network | AddressRange) and match.side is Side.SOURCE for match in rule.matches
    )


def grown(deas: int) -> Pipeline:
    cluster = f"""
policy: als/seed.netpol
mbus: 10.0.0.1
nodes:
  core: {{roles: [primary, controller, router], labels: [public], address: 10.0.0.1}}
  data: {{roles: [mysql, postgresql, rabbit, redis, filesystem, memcached], address: 10.0.0.2}}
  dea[1-{deas}]: {{roles: [dea], address: "10.0.1.[1-{deas}]"}}
"""
    return compiled({"cluster.yaml": cluster})


def test_rules_do_not_grow_with_the_nodes_of_a_class() -> None:
    names = re.compile(r"[0-9a-f]{8,64}")
    small, large = ({built.node_class.members[0]: built.files for built, _ in grown(deas).built()} for deas in (2, 200))
    assert small.keys() == large.keys() == {"core", "data", "dea1"}
    for node, files in small.items():
        for name in ("rules.v4", "rules.v6"):
            assert names.sub("#", files[name]) == names.sub("#", large[node][name])


def test_nodes_of_a_class_share_one_ruleset_and_no_rule_names_their_address() -> None:
    pipeline = grown(200)
    built = {one.node_class.members[0]: one for one, _ in pipeline.built()}
    assert len(built["dea1"].node_class.members) == 200
    assert "10.0." not in built["dea1"].files["rules.v4"]


def test_a_network_that_tells_nodes_apart_splits_their_class() -> None:
    policy = "role dea\nnetwork rack\nallow rack -> dea : tcp 22\n"
    cluster = """
policy: ./policy.netpol
networks: {rack: [10.0.1.0/30]}
nodes:
  dea[1-5]: {roles: [dea], address: "10.0.1.[1-5]"}
"""
    pipeline = compiled({"cluster.yaml": cluster, "policy.netpol": policy})
    assert [plan.node_class.members for plan in pipeline.plans] == [("dea1", "dea2", "dea3"), ("dea4", "dea5")]


def test_an_allow_whose_who_is_empty_makes_no_rule() -> None:
    policy = "role dea, ghost\nallow ghost -> dea : tcp 22\nallow ghost -> all : any\n"
    cluster = "policy: ./policy.netpol\nnodes:\n  dea: {roles: [dea], address: 10.0.0.1}\n"
    (loaded,) = rulesets(compiled({"cluster.yaml": cluster, "policy.netpol": policy})).values()
    for table in (loaded.v4, loaded.v6):
        assert not [rule for chain in table.chains for rule in chain.rules if STATEMENT.fullmatch(rule.comment)]


def test_an_alias_of_a_network_opens_only_the_nodes_inside() -> None:
    policy = 'role web, db\nnetwork special\nalias "the special" = special\nallow web -> "the special" : tcp 22\n'
    cluster = """
policy: ./policy.netpol
networks: {special: [10.0.0.2/32]}
nodes:
  web: {roles: [web], address: 10.0.0.1}
  db[1-2]: {roles: [db], address: "10.0.0.[2-3]"}
"""
    loaded = rulesets(compiled({"cluster.yaml": cluster, "policy.netpol": policy}))
    opened = {
        node: [rule for chain in ruleset.v4.chains for rule in chain.rules if STATEMENT.fullmatch(rule.comment)]
        for node, ruleset in loaded.items()
    }
    assert {node: len(rules) for node, rules in opened.items()} == {"web": 0, "db1": 1, "db2": 0}
