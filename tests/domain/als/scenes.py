"""Clusters of the shipped policies with what is so in each: the conditions of the table that hold there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from netpolicy.data import folder
from netpolicy.pipeline import Pipeline
from netpolicy.targets.iptables.rules import Ruleset
from tests.compiling import compiled, rulesets
from tests.domain.als.table import Row, rows

LAYERS = {
    "seed": ("border", "seed"),
    "extended": ("border", "seed", "extended"),
    "closed-egress": ("border", "seed", "extended"),
    "open-inside": ("border", "open-inside"),
}
LARGE = "cluster several_controllers load_balanced nfs"
APART = """
cluster: apart
policy: als/extended.netpol
mbus: 10.5.31.10
params: {harbor_external: true, external_database: true, helion_ssh_through_lb: true, nas_mount: sshfs}
networks:
  admins: [198.51.100.0/24]
  nas: [10.5.31.250]
  database: [10.5.31.251]
  upgrade_hosts: [192.0.2.80/28]
  resolvers: [192.0.2.53, "2001:db8:53::53"]
nodes:
  core: {roles: [primary, controller, router], address: [10.5.31.10, "2001:db8::10"]}
  controller: {roles: [controller], address: [10.5.31.11, "2001:db8::11"]}
  router: {roles: [router], address: 10.5.31.12}
  dea[1-2]: {roles: [dea], address: ["10.5.31.[13-14]", "2001:db8::[13-14]"]}
  mysql: {roles: [mysql], address: 10.5.31.15}
  postgresql: {roles: [postgresql], address: 10.5.31.16}
  rabbit: {roles: [rabbit], address: 10.5.31.17}
  rabbit3: {roles: [rabbit3], address: [10.5.31.18, "2001:db8::18"]}
  redis: {roles: [redis], address: 10.5.31.19}
  memcached: {roles: [memcached], address: 10.5.31.20}
  mongodb: {roles: [mongodb], address: 10.5.31.21}
  filesystem: {roles: [filesystem], address: 10.5.31.22}
  lb: {roles: [load_balancer], labels: [public], interfaces: {eth0: [10.5.31.23], eth1: [203.0.113.23]}}
  harbor: {roles: [harbor], labels: [public], interfaces: {eth0: [10.5.31.24], eth1: [203.0.113.24, "2001:db8:1::24"]}}
"""
"""Every role on a node of its own, some in both families."""
GATEWAY = """
policy: als/extended.netpol
mbus: 10.5.31.10
networks: {admins: [198.51.100.0/24, 10.5.31.99]}
nodes:
  core: {roles: [primary, controller, router, mysql, postgresql, redis], address: 10.5.31.10}
  gateway: {roles: [router], labels: [public], interfaces: {eth0: [10.5.31.11], eth1: [203.0.113.11]}}
  dea[1-2]: {roles: [dea, filesystem], address: "10.5.31.[13-14]"}
"""
"""The entry is a router of its own (S24); the core's is not public (S20), and has data services beside it."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A cluster and its facts."""

    name: str
    text: str
    layer: str
    facts: frozenset[str]

    @property
    def active(self) -> list[Row]:
        """The rows of the table that hold here."""
        return [row for row in rows() if row.layer in LAYERS[self.layer] and row.holds(self.facts)]


def shipped(name: str) -> str:
    return (folder("rules") / "clusters" / f"{name}.yaml").read_text(encoding="utf-8")


def _scene(name: str, text: str, layer: str, facts: str) -> Scene:
    known = facts.split()
    if layer in ("extended", "closed-egress"):
        known += ["mbus_only", "extended"]
    old = next(line for line in text.splitlines() if line.startswith("policy:"))
    return Scene(name, text.replace(old, f"policy: als/{layer}.netpol"), layer, frozenset(known))


SCENES = {
    scene.name: scene
    for scene in (
        *(_scene(name, shipped(name), "seed", "cluster") for name in ("three", "five")),
        _scene("twenty", shipped("twenty"), "seed", f"{LARGE} log_streaming"),
        _scene("twenty, extended", shipped("twenty"), "extended", f"{LARGE} log_streaming"),
        _scene("a gateway router", GATEWAY, "extended", "cluster"),
        _scene("micro", shipped("micro"), "extended", "micro nfs"),
        _scene("hosted-micro", shipped("hosted-micro"), "extended", "hosted_micro nfs"),
        _scene("single", shipped("single"), "extended", "cluster nfs"),
        _scene("five-helion-ssh", shipped("five-helion-ssh"), "extended", "cluster helion_ssh log_streaming"),
        _scene("five-open-inside", shipped("five-open-inside"), "open-inside", "cluster"),
        _scene("five-closed-egress", shipped("five-closed-egress"), "closed-egress", "cluster log_streaming"),
        _scene("twenty-dual-stack", shipped("twenty-dual-stack"), "extended", f"{LARGE} log_streaming"),
        _scene(
            "twenty-external-lb",
            shipped("twenty-external-lb"),
            "extended",
            f"{LARGE} log_streaming tls_pass_through helion_ssh_through_lb",
        ),
        _scene(
            "twenty-harbor",
            shipped("twenty-harbor"),
            "extended",
            "cluster several_controllers load_balanced sshfs harbor_external upgrade_window",
        ),
        _scene(
            "micro with its services",
            shipped("micro").replace("setting: micro", "setting: micro\n  micro_services: true"),
            "extended",
            "micro micro_services",
        ),
        _scene(
            "twenty, NATS on the core",
            shipped("twenty").replace("log_streaming: true", "mbus_only: true\n  nas_mount: sshfs"),
            "seed",
            "cluster several_controllers load_balanced sshfs mbus_only",
        ),
        _scene(
            "every role apart",
            APART,
            "closed-egress",
            "cluster several_controllers load_balanced sshfs harbor_external external_database helion_ssh_through_lb",
        ),
        _scene(
            "twenty, TLS handed on",
            shipped("twenty").replace("log_streaming", "tls_pass_through"),
            "extended",
            f"{LARGE} tls_pass_through",
        ),
        _scene("twenty-dual-stack, closed", shipped("twenty-dual-stack"), "closed-egress", f"{LARGE} log_streaming"),
    )
}


@cache
def pipeline(name: str) -> Pipeline:
    """The compiled scene."""
    return compiled({"cluster.yaml": SCENES[name].text})


@cache
def loaded(name: str) -> dict[str, Ruleset]:
    """What the nodes of a scene load, read back from the text."""
    return rulesets(pipeline(name))
