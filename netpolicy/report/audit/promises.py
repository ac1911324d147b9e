"""What the policy promises and demands, and whether it holds in this cluster."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from netpolicy.diagnostic import Diagnostic
from netpolicy.dsl.syntax import DemandKind, Verb
from netpolicy.policy.model import Demand, Policy
from netpolicy.source import Span
from netpolicy.verify.demands import judge_demand


def promises(policy: Policy, broken: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    """Every `never` and `expect`; a broken one says what shows it."""
    why = {one.span: one.message for one in broken}
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for one in policy.of(Verb.NEVER, Verb.EXPECT):
        told = {
            "id": one.id,
            "verb": one.verb.value,
            "text": one.text,
            **file_and_line(one.span),
            "because": one.attributes.because,
            "result": "broken" if one.span in why else "kept",
            "message": why.get(one.span),
        }
        found.setdefault((one.id, one.text), told)
    return sorted(found.values(), key=lambda one: (one["result"], one["verb"], one["text"], one["id"]))


def demands(policy: Policy) -> list[dict[str, Any]]:
    """Every `require` and `advise`, those that do not hold first."""
    found = []
    for one in policy.demands:
        wrong = [each.message for each in judge_demand(policy, one)]
        told: dict[str, Any] = {
            "text": _text(one),
            "binding": one.binding,
            "because": one.attributes.because,
            **file_and_line(one.span),
            "result": "does not hold" if wrong else "holds",
            "message": wrong[0] if wrong else None,
        }
        found.append(told)
    return sorted(found, key=lambda one: (one["result"], one["text"], one["file"], one["line"] or 0))


def _text(one: Demand) -> str:
    """As the language says it, such as `exactly 1 db`."""
    what = one.selector.text
    match one.kind:
        case DemandKind.EXACTLY | DemandKind.AT_LEAST:
            return f"{one.kind.value} {one.number} {what}"
        case DemandKind.NONE | DemandKind.EXISTS:
            return f"{one.kind.value} {what}"
        case DemandKind.WITH:
            assert one.other is not None
            return f"{what} with {one.other.text}"
        case DemandKind.ALONE:
            return f"{what} alone"


def file_and_line(span: Span | None) -> dict[str, Any]:
    """Where something stands, as JSON tells it."""
    return {"file": span.source.name, "line": span.line} if span is not None else {"file": "", "line": None}
