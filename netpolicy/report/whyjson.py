"""Why a question about a policy has its answer, as a value for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from netpolicy import __version__
from netpolicy.packet.addresses import AddressSet, address_text, network_text, networks
from netpolicy.packet.ports import PortSet
from netpolicy.packet.portwords import service_text
from netpolicy.policy.model import Policy, Statement
from netpolicy.policy.question import Idle
from netpolicy.report.findings import place_of
from netpolicy.report.why import Told, nothing_asked, packet_value, verdict
from netpolicy.source import Source
from netpolicy.verify.why.explain import Answer, Judged, Part, Side
from netpolicy.verify.why.lacking import Lacking

FORMAT_VERSION = 1


def as_json(
    policy: Policy, inputs: Iterable[Source], day: str, told: Sequence[Told], digest: Callable[[str], str]
) -> str:
    """The document; `digest` names the class of a node."""
    document = {
        "format_version": FORMAT_VERSION,
        "tool": {"name": "netpolicy", "version": __version__},
        "inputs": [{"name": one.name, "sha256": one.digest} for one in inputs],
        "as_of": day,
        "cluster": policy.cluster.name,
        "egress": policy.egress.value,
        "questions": [_question(policy, one, digest) for one in told],
    }
    return json.dumps(document, indent=1) + "\n"


def _question(policy: Policy, told: Told, digest: Callable[[str], str]) -> dict[str, Any]:
    answers = told.answers
    return {
        "question": answers.question.text,
        "verdict": verdict(answers),
        "empty": None if answers.found else nothing_asked(policy, answers.question),
        "notes": list(answers.question.notes),
        "answers": [
            _answer(answer, lacking, digest) for answer, lacking in zip(answers.found, told.lacking, strict=True)
        ],
        "left_out": answers.left_out,
    }


def _answer(answer: Answer, lacking: Lacking | None, digest: Callable[[str], str]) -> dict[str, Any]:
    return {
        "pairs": [{"from": _side(sender), "to": _side(receiver)} for sender, receiver in answer.pairs],
        "families": [family.value for family in answer.families],
        "judged_by": [where.value for where in answer.judged_by],
        "loopback": answer.loop,
        "unjudged": answer.strange,
        "passes": _ports(answer.passing),
        "refused": _ports(answer.refused),
        "parts": [_part(part, digest) for part in answer.parts] if not answer.strange else [],
        "lacking": None if lacking is None else _lacking(lacking),
    }


def _ports(ports: PortSet) -> str:
    return service_text(ports, ports.families()) if ports else ""


def _side(side: Side) -> dict[str, Any]:
    """Names, the networks that are exactly the addresses meant, virtual addresses, networks of no node."""
    return {
        "nodes": list(side.nodes),
        "addresses": _networks(side.addresses),
        "virtual": [address_text(*one) for one in side.virtual],
        "networks": _networks(side.strangers),
    }


def _networks(addresses: AddressSet) -> list[str]:
    return [
        network_text(family, first, length)
        for family in addresses.families()
        for first, length in networks(family, addresses.of(family))
    ]


def _part(part: Part, digest: Callable[[str], str]) -> dict[str, Any]:
    fate = part.fate
    return {
        "ports": _ports(fate.ports),
        "families": [family.value for family in fate.ports.families()],
        "passes": fate.passes,
        "refusing": [where.value for where in fate.refusing],
        "baseline": fate.baseline,
        "allows": [statement_value(one) for one in fate.allows],
        "denies": [statement_value(one) for one in fate.denies],
        "published": _ports(fate.published),
        "judged": [_judged(one, digest) for one in part.judged],
    }


def statement_value(one: Statement) -> dict[str, Any]:
    """A statement with its attributes."""
    noted = one.attributes
    return {
        "id": one.id,
        "statement": f"{one.verb.value} {one.text}",
        "place": place_of(one.span),
        "because": noted.because,
        "sources": list(noted.sources),
        "owner": noted.owner,
        "ticket": noted.ticket,
        "expires": noted.expires.isoformat() if noted.expires else None,
    }


def _judged(one: Judged, digest: Callable[[str], str]) -> dict[str, Any]:
    passage, ruled = one.passage, one.ruled
    rule: Mapping[str, Any] | None = None
    if ruled is not None:
        rule = {
            "admitted": ruled.admitted,
            "file": ruled.file,
            "class_file": f"classes/{digest(passage.node)}/{ruled.file.rpartition('/')[2]}",
            "line": ruled.line or None,
            "text": ruled.text,
            "way": [{"line": line, "text": text} for line, text in ruled.way],
        }
    return {
        "where": passage.where.value,
        "node": passage.node or None,
        "packet": packet_value(passage.packet),
        "rule": rule,
        "clouds": [
            {"cloud": each.cloud, "admitted": each.admitted, "group": each.group or None, "rule": each.rule or None}
            for each in one.clouds
        ],
    }


def _lacking(lacking: Lacking) -> dict[str, Any]:
    near = {
        "other_ports": lacking.other_ports,
        "other_senders": lacking.other_senders,
        "other_receivers": lacking.other_receivers,
    }
    return {
        "allow": lacking.allow or None,
        "exact": lacking.exact,
        **{key: statement_value(one) if one is not None else None for key, one in near.items()},
        "idle": [_idle(one) for one in lacking.idle],
    }


def _idle(one: Idle) -> dict[str, str]:
    return {"statement": f"allow {one.text}", "place": place_of(one.span), "why": one.why}
