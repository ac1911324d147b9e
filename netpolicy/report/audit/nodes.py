"""What nodes told of themselves, judged beside what they must load: who answered, who drifted, who was not reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from netpolicy.diagnostic import Severity, one_line
from netpolicy.report.audit.model import Report

FORMAT_VERSION = 1
MOST_FINDINGS = 20
"""Findings of one node that are told; of more it is told how many."""
AS_IT_MUST_BE, DRIFTED, OLD_BUILD = "as it must be", "drifted", "another build"


@dataclass(frozen=True, slots=True)
class Sum:
    """How often a statement was met, over all nodes that counted; `shared` where some rule stands for others, too."""

    packets: int = 0
    octets: int = 0
    nodes: int = 0
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Live:
    """The reports of nodes, sorted out. Every file is in one of the four, and every node answers at most once."""

    reports: tuple[Mapping[str, Any], ...] = field(compare=False)
    strangers: tuple[Mapping[str, Any], ...] = field(compare=False)
    unreadable: tuple[tuple[str, str], ...]
    not_reached: tuple[str, ...]
    asked: int

    def having(self, state: str) -> int:
        """How many nodes are in that state."""
        return sum(one["state"] == state for one in self.reports)

    @property
    def is_as_it_must_be(self) -> bool:
        """True when no node that answered holds anything else; who was not reached does not count."""
        return self.having(AS_IT_MUST_BE) == len(self.reports)

    def value(self) -> dict[str, Any]:
        """The whole as JSON tells it."""
        return {
            "asked": self.asked,
            "answered": len(self.reports),
            "as_they_must_be": self.having(AS_IT_MUST_BE),
            "drifted": self.having(DRIFTED),
            "another_build": self.having(OLD_BUILD),
            "not_reached": list(self.not_reached),
            "reports": [{key: value for key, value in one.items() if key != "lines"} for one in self.reports],
            "strangers": [{key: value for key, value in one.items() if key != "lines"} for one in self.strangers],
            "unreadable": [{"file": file, "why": why} for file, why in self.unreadable],
        }

    @property
    def sums(self) -> dict[str, Sum]:
        """How often each statement was met; one that no counted rule carries is not there."""
        found: dict[str, Sum] = {}
        for one in self.reports:
            for name, here in _of_node(one["lines"] or ()).items():
                before = found.get(name, Sum())
                found[name] = Sum(
                    before.packets + here.packets,
                    before.octets + here.octets,
                    before.nodes + 1,
                    before.shared or here.shared,
                )
        return found


def judged(reports: Iterable[Report], cluster: str, class_of: Mapping[str, str]) -> Live:
    """The reports of the nodes of a cluster; `class_of` is the digest of what each must load."""
    known: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    strangers: list[dict[str, Any]] = []
    unreadable: list[tuple[str, str]] = []
    for one in reports:
        tree, file = one.tree, one_line(one.file)
        why = one.why or _wrong(tree)
        if why:
            unreadable.append((file, one_line(why)))
        elif tree["cluster"] != cluster:
            strangers.append({**_report(tree, ""), "file": file, "why": one_line(f"of cluster `{tree['cluster']}`")})
        elif tree["node"] not in class_of:
            strangers.append({**_report(tree, ""), "file": file, "why": "the cluster has no such node"})
        else:
            known.setdefault(tree["node"], []).append((file, _report(tree, class_of[tree["node"]])))
    for name, several in known.items():
        if len(several) > 1:  # which of them is true now, nobody knows
            others = ", ".join(f"`{file}`" for file, _ in several)
            unreadable += [(file, f"several reports of `{name}`: {others}; keep the newest") for file, _ in several]
    alone = {name: several[0][1] for name, several in known.items() if len(several) == 1}
    return Live(
        tuple(alone[name] for name in sorted(alone)),
        tuple(sorted(strangers, key=lambda one: (one["node"], one["file"]))),
        tuple(sorted(unreadable)),
        tuple(name for name in sorted(class_of) if name not in alone),
        len(class_of),
    )


def _report(tree: Mapping[str, Any], expected: str) -> dict[str, Any]:
    findings = [_finding(one) for one in tree["findings"]]
    matches = tree["class"] == expected
    state = DRIFTED if not tree["in_force"] else AS_IT_MUST_BE if matches else OLD_BUILD
    return {
        "node": one_line(tree["node"]),
        "state": state,
        "in_force": tree["in_force"],
        "backend": one_line(tree["backend"]) if tree["backend"] else None,
        "generation": {
            family: {"wanted": each["wanted"], "in_force": each["in_force"]}
            for family, each in sorted(tree["generation"].items())
        },
        "class": tree["class"],
        "expected": expected,
        "class_matches": matches,
        "findings": findings[:MOST_FINDINGS],
        "more_findings": max(0, len(findings) - MOST_FINDINGS),
        "hits": tree["hits"] is not None,
        "no_hits": tree.get("no_hits"),
        "lines": tree["hits"]["lines"] if tree["hits"] is not None else None,
    }


def _finding(one: Mapping[str, Any]) -> dict[str, Any]:
    """What a node found, so that none of its signs turns around or hides what stands beside it."""
    told = {key: one.get(key) for key in ("code", "severity", "message", "hint", "consequence", "name")}
    shown = {key: one_line(value) if isinstance(value, str) else value for key, value in told.items()}
    return shown | {"family": one.get("family")}


def _of_node(lines: Sequence[Mapping[str, Any]]) -> dict[str, Sum]:
    """The counters of one node by statement; several rules of one add up."""
    found: dict[str, Sum] = {}
    for line in lines:
        for name in dict.fromkeys(line["statements"]):
            before = found.get(name, Sum())
            found[name] = replace(
                before,
                packets=before.packets + line["packets"],
                octets=before.octets + line["bytes"],
                shared=before.shared or len(line["statements"]) > 1,
            )
    return found


def _wrong(tree: Any) -> str:
    """Why a value is not what `drift` prints; empty where it is."""
    no_report = "not what `netpolicy drift --format json` prints"
    if not isinstance(tree, dict) or not isinstance(tree.get("tool"), dict) or tree["tool"].get("name") != "netpolicy":
        return no_report
    if tree.get("format_version") != FORMAT_VERSION:
        return f"its format is version {str(tree.get('format_version'))[:20]}, and {FORMAT_VERSION} is read"
    if "in_force" not in tree and "result" in tree:
        return f"the node could not look: {_first_message(tree)}"
    wrong = next((f"{no_report}: `{name}` is missing or of another kind" for name in _misshapen(tree)), "")
    return wrong or _contradiction(tree)


def _contradiction(tree: Mapping[str, Any]) -> str:
    """Why nobody can say that all is in force, though the report does; empty where nothing speaks against it."""
    if not tree["in_force"]:
        return ""
    if any(one["severity"] == Severity.ERROR.value for one in tree["findings"]):
        return "it contradicts itself: all is in force, and a finding is an error"
    if any(one["wanted"] != one["in_force"] for one in tree["generation"].values()):
        return "it contradicts itself: all is in force, and another generation is"
    return ""


def _first_message(tree: Mapping[str, Any]) -> str:
    found = tree.get("findings")
    first = found[0] if isinstance(found, list) and found else None
    return str(first.get("message") if isinstance(first, dict) else tree["result"])[:200]


def _misshapen(tree: Mapping[str, Any]) -> Iterator[str]:
    """The fields that are not as `drift` writes them."""
    kinds: dict[str, type | tuple[type, ...]] = {
        **dict.fromkeys(("cluster", "node", "class"), str),
        "in_force": bool,
        "findings": list,
        "generation": dict,
        "backend": (str, type(None)),
        "hits": (dict, type(None)),
    }
    if not _is_text(tree.get("no_hits")):
        yield "no_hits"
    yield from (name for name, kind in kinds.items() if not isinstance(tree.get(name, ...), kind))
    for one in _listed(tree.get("findings")):
        if not isinstance(one, dict) or not _is_finding(one):
            yield "findings"
    generations = tree.get("generation")
    for each in generations.values() if isinstance(generations, dict) else ():
        if not isinstance(each, dict) or not all(_is_text(each.get(key, 0)) for key in ("wanted", "in_force")):
            yield "generation"
    hits = tree.get("hits")
    if isinstance(hits, dict):
        lines = hits.get("lines")
        if not isinstance(lines, list) or not all(_is_line(one) for one in lines):
            yield "hits"


def _is_text(value: Any) -> bool:
    return isinstance(value, str | None)


def _is_finding(one: Mapping[str, Any]) -> bool:
    return (
        all(isinstance(one.get(key), str) for key in ("code", "severity", "message"))
        and all(_is_text(one.get(key)) for key in ("hint", "consequence", "name"))
        and one.get("family") in (None, 4, 6)
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_line(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and isinstance(one.get("statements"), list)
        and all(isinstance(name, str) for name in one["statements"])
        and all(type(one.get(key)) is int and one[key] >= 0 for key in ("packets", "bytes"))
    )
