"""The audit as a tree of plain values, from which every report is rendered. The same audit, the same tree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netpolicy import __version__
from netpolicy.diagnostic import Severity, ordered
from netpolicy.dsl.syntax import Verb
from netpolicy.packet.addresses import FAMILIES, AddressSet, Family, address_text
from netpolicy.pages import standards, title
from netpolicy.policy.model import Policy
from netpolicy.report.audit.exceptions import exceptions
from netpolicy.report.audit.exposed import exposed
from netpolicy.report.audit.groups import groups
from netpolicy.report.audit.matrix import as_values, cells
from netpolicy.report.audit.model import AGREES, DIFFERS, NOT_ASKED, Audit, Proof, Voice
from netpolicy.report.audit.nodes import Live, judged
from netpolicy.report.audit.promises import demands, promises
from netpolicy.report.audit.register import Register
from netpolicy.report.audit.roles import roles
from netpolicy.report.audit.surplus import since, surplus
from netpolicy.report.findings import as_list, as_value
from netpolicy.report.matrix import natural

FORMAT_VERSION = 1
KIND = "audit"
LIVE = "live nodes"


def document(audit: Audit) -> dict[str, Any]:
    """All that an audit tells; lists are in order of meaning."""
    policy, compiled = audit.policy, audit.compiled
    class_of = {node.name: "" for node in policy.cluster.nodes} | compiled.class_of
    live = None if audit.reports is None else judged(audit.reports, policy.cluster.name, class_of)
    outside = peers(policy)
    matrix = cells(audit.asked, compiled.answers, outside)
    register = Register(audit, None if live is None else live.sums).values()
    named = {name for cell in matrix for name in (cell.source, cell.destination)}
    return {
        **_head(audit),
        "proof": _proof(audit.proof, live, len(policy.cluster.nodes)),
        "roles": roles(policy, named, outside),
        "matrix": as_values(matrix),
        "exposed": exposed(policy, matrix, outside),
        "register": register,
        "baseline": list(audit.baseline),
        "promises": promises(policy, audit.promises),
        "demands": demands(policy),
        "exceptions": exceptions(audit, register),
        "hygiene": _hygiene(audit),
        "groups": groups(audit.form),
        "surplus": surplus(audit.surplus),
        "nodes": None if live is None else live.value(),
        "since": since(audit.since, policy),
        "list_of_nodes": _nodes(audit),
    }


def is_fine(tree: Mapping[str, Any]) -> bool:
    """True when all is proved, every promise is kept, and no node that answered holds anything else."""
    nodes = tree["nodes"]
    return (
        tree["proof"]["result"] == "proved"
        and all(one["result"] == "kept" for one in tree["promises"])
        and all(one["result"] == "holds" for one in tree["demands"] if one["binding"])
        and all(one["severity"] != Severity.ERROR.value for one in tree["hygiene"])
        and (nodes is None or nodes["answered"] == nodes["as_they_must_be"])
    )


def peers(policy: Policy) -> dict[str, AddressSet]:
    """The addresses of everybody who is no node and whom an allow or a deny names."""
    sides = (side for one in policy.of(Verb.ALLOW, Verb.DENY) for side in (one.who, one.whom))
    return {peer.name: peer.addresses for side in sides for peer in side.peers}


def _head(audit: Audit) -> dict[str, Any]:
    policy, compiled, revision = audit.policy, audit.compiled, audit.revision
    cluster = policy.cluster
    families = {family for node in cluster.nodes for family, _ in node.addresses}
    return {
        "format_version": FORMAT_VERSION,
        "tool": {"name": "netpolicy", "version": __version__},
        "kind": KIND,
        "inputs": [{"path": path, "sha256": digest} for path, digest in sorted(audit.inputs)],
        "as_of": audit.day.isoformat(),
        "profile": audit.profile,
        "revision": None if revision is None else {"commit": revision.commit, "dirty": revision.dirty},
        "cluster": {
            "name": cluster.name,
            "nodes": len(cluster.nodes),
            "classes": len(compiled.loaded),
            "families": [_family(family) for family in FAMILIES if family in families],
            "egress": policy.egress.value,
            "refuse": policy.refuse.value,
            "mbus": address_text(*cluster.mbus) if cluster.mbus is not None else None,
        },
        "policy": {"name": policy.name, "description": policy.description, "params": dict(policy.params)},
        "generation": compiled.generation,
        "rulesets": [
            {
                "class": one.digest,
                "nodes": len(one.members),
                "roles": list(one.roles),
                "example": one.members[0],
                "files": dict(sorted(one.files.items())),
                "rules": one.rules,
            }
            for one in sorted(compiled.loaded.values(), key=lambda one: (-len(one.members), one.digest))
        ],
        "cloud": [{"name": one.name, "file": one.file, "sha256": one.digest} for one in audit.clouds],
    }


def _proof(proof: Proof, live: Live | None, nodes: int) -> dict[str, Any]:
    voices = (*proof.voices, _of_nodes(live))
    left = [f"{one.name}: {one.what}" for one in voices if one.result == NOT_ASKED]
    if live is not None and live.not_reached:
        left.append(f"{LIVE}: {len(live.not_reached):,} of {live.asked:,} gave no report that counts")
    # Whoever was left out was not proved, even where nothing was found.
    differs = proof.findings or any(one.result == DIFFERS for one in proof.voices) or proof.counts["nodes"] < nodes
    return {
        "result": "differs" if differs else "proved",
        "counts": dict(proof.counts),
        "voices": [{"name": one.name, "what": one.what, "result": one.result} for one in voices],
        "premises": list(proof.premises),
        "not_checked": left,
        "findings": as_list(proof.findings),
    }


def _of_nodes(live: Live | None) -> Voice:
    """What the nodes themselves say; it is a voice beside the proof, which is about texts."""
    if live is None:
        return Voice(LIVE, "no reports of nodes were given (`--nodes DIR`)", NOT_ASKED)
    what = f"{len(live.reports):,} of {live.asked:,} nodes told what their kernel holds"
    if not live.reports:
        return Voice(LIVE, what, NOT_ASKED)
    return Voice(LIVE, what, AGREES if live.is_as_it_must_be else DIFFERS)


def _hygiene(audit: Audit) -> list[dict[str, Any]]:
    """What lint finds, what weighs most first."""
    listed = sorted(ordered(audit.findings), key=lambda one: one.severity.rank)
    return [
        as_value(one) | {"title": title(one.code), "standards": list(standards(one.code)), "subject": one.subject}
        for one in listed
    ]


def _nodes(audit: Audit) -> list[dict[str, Any]]:
    class_of = audit.compiled.class_of
    return [
        {
            "name": node.name,
            "class": class_of.get(node.name, ""),
            "roles": sorted(role.text for role in node.roles),
            "addresses": [address_text(*address) for address in node.addresses],
        }
        for node in sorted(audit.policy.cluster.nodes, key=lambda node: natural(node.name))
    ]


def _family(family: Family) -> str:
    return f"v{family.value}"
