"""A rehearsal as JSON and as JUnit; its text is a line, and the findings of any command."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from netpolicy import __version__
from netpolicy.diagnostic import Diagnostic, has_errors, render
from netpolicy.report.findings import FORMAT_VERSION, as_value


@dataclass(frozen=True, slots=True)
class Judged:
    """A place where rules judge a packet: what the policy says, what `decide` does, and the rules that counted."""

    node: str
    hook: str
    admitted: bool
    decide: str
    counted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """A packet that did not fare as the policy says: both ends, what the policy and the kernel say, and all of it."""

    sender: str
    receiver: str
    packet: str
    policy: str
    kernel: str
    judged: tuple[Judged, ...]
    finding: Diagnostic


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What came of a rehearsal with one backend. `odd` counts, by pair, the packets that fared otherwise."""

    backend: str
    odd: Mapping[tuple[str, str], int]
    told: tuple[Told, ...]

    @property
    def differing(self) -> int:
        return sum(self.odd.values())


@dataclass(frozen=True, slots=True)
class Played:
    """What was asked: probes by pair, how many of all were to arrive, and what nobody can send or hear."""

    cluster: str
    nodes: int
    pairs: Mapping[tuple[str, str], int]
    passing: int
    left_out: tuple[str, ...]

    @property
    def probes(self) -> int:
        return sum(self.pairs.values())


def line(played: Played, results: Sequence[Rehearsed]) -> str:
    """`18,240 probes, 2 backends: all as the policy says`."""
    backends = f"{len(results)} backend{'' if len(results) == 1 else 's'}"
    probes = played.probes * len(results)
    differing = sum(one.differing for one in results)
    verdict = f"{differing:,} not as the policy says" if differing else "all as the policy says"
    return f"{probes:,} probe{'' if probes == 1 else 's'}, {backends}: {verdict}"


def as_json(played: Played, results: Sequence[Rehearsed], inputs: Sequence[Mapping[str, str]]) -> str:
    """The same for machines; without a clock, so that equal inputs are equal bytes."""
    differing = any(one.differing for one in results)
    tree: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "tool": {"name": "netpolicy", "version": __version__},
        "result": "differs" if differing else "as the policy says",
        "cluster": played.cluster,
        "nodes": played.nodes,
        "probes": played.probes * len(results),
        "passing": played.passing * len(results),
        "backends": [_backend(played, one) for one in results],
        "left_out": list(played.left_out),
        "inputs": list(inputs),
    }
    return json.dumps(tree, indent=1, sort_keys=True) + "\n"


def _backend(played: Played, result: Rehearsed) -> dict[str, Any]:
    return {
        "backend": result.backend,
        "probes": played.probes,
        "differing": result.differing,
        "differing_pairs": [
            {"sender": sender, "receiver": receiver, "probes": count}
            for (sender, receiver), count in sorted(result.odd.items())
        ],
        "explained": [
            {
                "sender": told.sender,
                "receiver": told.receiver,
                "packet": told.packet,
                "policy": told.policy,
                "kernel": told.kernel,
                "judged": [
                    {
                        "node": one.node,
                        "hook": one.hook,
                        "policy": "lets it pass" if one.admitted else "refuses it",
                        "decide": one.decide,
                        "counted": list(one.counted),
                    }
                    for one in told.judged
                ],
                "finding": as_value(told.finding),
            }
            for told in result.told
        ],
    }


def as_junit(played: Played, results: Sequence[Rehearsed]) -> str:
    """A test suite a backend, a test a pair: it fails with every packet of the pair that fared otherwise."""
    failures = sum(len(one.odd) for one in results)
    totals = {"tests": str(len(played.pairs) * len(results)), "failures": str(failures)}
    suites = ElementTree.Element("testsuites", {"name": "netpolicy rehearse", **totals})
    for one in results:
        totals = {"tests": str(len(played.pairs)), "failures": str(len(one.odd)), "errors": "0", "skipped": "0"}
        suite = ElementTree.SubElement(suites, "testsuite", {"name": one.backend, **totals})
        for (sender, receiver), probes in sorted(played.pairs.items()):
            name = {"classname": f"{played.cluster}.{one.backend}", "name": f"{sender} -> {receiver} ({probes} probes)"}
            case = ElementTree.SubElement(suite, "testcase", name)
            if (sender, receiver) in one.odd:
                _fail(case, one, sender, receiver)
    ElementTree.indent(suites, " ")
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def stopped_as_junit(found: Sequence[Diagnostic]) -> str:
    """A test that could not be made, with what stopped it."""
    totals = {"tests": "1", "failures": "0", "errors": "1"}
    suites = ElementTree.Element("testsuites", {"name": "netpolicy rehearse", **totals})
    suite = ElementTree.SubElement(suites, "testsuite", {"name": "netpolicy rehearse", **totals, "skipped": "0"})
    case = ElementTree.SubElement(suite, "testcase", {"classname": "netpolicy", "name": "the rehearsal is held"})
    first = next((one for one in found if has_errors([one])), None)
    what = {"type": first.code, "message": first.message} if first is not None else {}
    ElementTree.SubElement(case, "error", what).text = "\n\n".join(map(render, found))
    ElementTree.indent(suites, " ")
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def pairs(results: Sequence[Rehearsed]) -> list[str]:
    """`core -> data (2 packets)`: the pairs of which packets fared otherwise, on any backend."""
    odd = Counter[tuple[str, str]]()
    for one in results:
        odd.update(one.odd)
    return [f"{sender} -> {receiver} ({count:,})" for (sender, receiver), count in sorted(odd.items())]


def _fail(case: ElementTree.Element, one: Rehearsed, sender: str, receiver: str) -> None:
    count = one.odd[sender, receiver]
    told = [each.finding for each in one.told if (each.sender, each.receiver) == (sender, receiver)]
    message = told[0].message if told else f"{count} packets did not fare as the policy says"
    failure = ElementTree.SubElement(case, "failure", {"type": told[0].code if told else "NP321", "message": message})
    text = "\n\n".join(render(each) for each in told)
    more = f"\n\n… and {count - len(told)} more of this pair" if count > len(told) else ""
    failure.text = f"{text}{more}".strip()
