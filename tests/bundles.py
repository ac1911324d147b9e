"""Bundles of one small node, made in memory through the same stages as the command line."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from netpolicy.node.bundle import Bundle, StatementText, bundle_of
from netpolicy.policy.identity import identity_of
from tests.compiling import compiled

CLUSTER = """\
cluster: small
policy: ./policy.netpol
networks: {admins: [198.51.100.0/24, "2001:db8:a::/48"]}
nodes:
  web1: {roles: [web], address: [10.0.0.1, "2001:db8:1::1"]}
  web2: {roles: [web], address: [10.0.0.2, "2001:db8:1::2"]}
  db: {roles: [db], address: [10.0.0.9, "2001:db8:1::9"]}
"""
POLICY = """\
policy small "web servers before a database"

role    web, db
network admins

allow admins -> web : tcp 22
allow web    -> db  : tcp 3306
"""
MORE = POLICY + "allow web    -> db  : tcp 9104\n"
LESS = POLICY.replace("allow web    -> db  : tcp 3306\n", "allow admins -> db  : tcp 22\n")


@cache
def bundle(policy: str = POLICY, *, node: str = "db", serial: int = 0, cluster: str = CLUSTER) -> Bundle:
    """What that node must load."""
    pipeline = compiled({"cluster.yaml": cluster, "policy.netpol": policy})
    assert pipeline.policy is not None
    (here,) = (one for one in pipeline.policy.cluster.nodes if one.name == node)
    (built,) = (one for one, _ in pipeline.built() if node in one.node_class.members)
    statements = {
        one.id: StatementText(one.id, f"{one.who.text} -> {one.whom.text} : {one.what}")
        for one in pipeline.policy.statements
    }
    identity = replace(identity_of(pipeline.policy.cluster, here, serial=serial), digest=built.digest)
    return bundle_of(identity, built.files, statements)
