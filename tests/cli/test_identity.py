"""The quick way to write `node.json` and the plain one give the same text."""

from hypothesis import given, settings
from hypothesis import strategies as st

from netpolicy.cli.identity import Identities, identity, json_text
from netpolicy.policy.clusterfile import read_cluster
from netpolicy.source import Source
from tests.clusters import cluster_text, scenes

BARE = "cluster: c\npolicy: p\nnodes: {a: {interfaces: {eth1: [10.0.0.1], eth0: ['2001:db8::1', 10.0.0.2]}}}\n"


@settings(max_examples=60)
@given(st.one_of(st.just(BARE), scenes().map(cluster_text)), st.integers(0, 99))
def test_every_node_is_told_the_same_either_way(text: str, serial: int) -> None:
    cluster, found = read_cluster(Source("cluster.yaml", text))
    assert cluster is not None
    assert not found
    for node in cluster.nodes:
        written = Identities(cluster, node, "d" * 64, serial).text(node)
        assert written == json_text(identity(cluster, node, "d" * 64, serial))


def test_nodes_of_a_class_keep_their_own_name_and_addresses() -> None:
    text = "cluster: c\npolicy: p\nnodes:\n  dea[1-2]: {roles: [dea], address: '10.0.0.[1-2]'}\n"
    cluster, _ = read_cluster(Source("cluster.yaml", text))
    assert cluster is not None
    first, second = cluster.nodes
    written = Identities(cluster, first, "d" * 64, 0).text(second)
    assert written == json_text(identity(cluster, second, "d" * 64, 0))
