"""The clusters in which the shipped policies are held against their tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import yaml

from netpolicy.data import folder
from netpolicy.dsl.syntax import Verb
from netpolicy.pipeline import Pipeline
from netpolicy.policy.cluster import Cluster
from netpolicy.policy.model import Policy, Statement
from tests.compiling import compiled
from tests.domain.platforms.table import Line, Meaning, lines_of

PARAMS = {
    "rke2": {},
    "cloud-foundry": {
        "app_ports": "61001-65534",
        "tcp_router_ports": "1024-1123",
        "nats_port": "4222",
        "routing_api_port": "3000",
        "mysql_port": "3306",
        "ldap_ports": "389, 636",
        "blobstore_ports": "443",
        "system_ports": "8080, 8081",
    },
}
"""What the policies and the shipped clusters say."""

GROUPS = {
    "rke2": {},
    "cloud-foundry": {
        "system_components": ("cloud_controller", "loggregator_trafficcontroller", "mysql_proxy", "nfs_server", "uaa")
    },
}

BESIDE = {
    "rke2": ("admins", "pods", "ingress_clients", "fixed_registration"),
    "cloud-foundry": ("operators", "containers"),
}
"""The networks of what no table has."""


@dataclass(frozen=True)
class Case:
    """A policy in a cluster with these params and networks; `facts` are the conditions of its table that are true."""

    table: str
    facts: frozenset[str]
    params: Mapping[str, str | bool] = field(default_factory=dict)
    networks: Mapping[str, list[str]] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.table}: {', '.join(sorted(self.facts)) or 'as shipped'}"

    @cached_property
    def pipeline(self) -> Pipeline:
        text = (folder("rules") / "clusters" / f"{self.table}.yaml").read_text(encoding="utf-8")
        cluster = yaml.safe_load(text)
        kept = {name: one for name, one in cluster["networks"].items() if name not in BESIDE[self.table]}
        cluster["networks"] = {**kept, **self.networks}
        cluster["params"] = {**cluster.get("params", {}), **self.params}
        return compiled({"cluster.yaml": json.dumps(cluster, indent=1)})

    @property
    def policy(self) -> Policy:
        policy = self.pipeline.policy
        assert policy is not None
        return policy

    @property
    def cluster(self) -> Cluster:
        return self.policy.cluster

    @property
    def lines(self) -> list[Line]:
        """The lines of the table that hold here."""
        return [line for line in lines_of(self.table) if line.holds(self.facts)]

    @cached_property
    def meaning(self) -> Meaning:
        chosen = {name: one for name, one in self.params.items() if isinstance(one, str)}
        return Meaning(self.cluster, {**PARAMS[self.table], **chosen}, GROUPS[self.table])

    def statements(self) -> tuple[Statement, ...]:
        """The allows that are active here."""
        return self.policy.of(Verb.ALLOW)


def rke2(cni: str, *, wireguard: bool = False) -> Case:
    facts = frozenset({cni, "wireguard"} if wireguard else {cni})
    return Case("rke2", facts, {"cni": cni, "wireguard": wireguard})


def cloud_foundry(*on: str, off: tuple[str, ...] = (), **more: str) -> Case:
    facts = frozenset({"mysql_proxy_registered", *on} - set(off))
    flags = {**dict.fromkeys(on, True), **dict.fromkeys(off, False)}
    return Case("cloud-foundry", facts, {**flags, **more})


CASES = [
    *(rke2(cni, wireguard=on) for cni in ("canal", "cilium", "calico", "flannel") for on in (False, True)),
    cloud_foundry(),
    cloud_foundry("cells_use_all_of_nats", "log_cache_syslog", "system_routes", off=("mysql_proxy_registered",)),
    # The ports that cf-deployment has.
    cloud_foundry(nats_port="4224", routing_api_port="3001", mysql_port="13306", tcp_router_ports="1024-1033"),
    Case("cloud-foundry", frozenset({"mysql_proxy_registered", "blobstore"}), {}, {"blobstore": ["192.0.2.64/28"]}),
]
