"""SARIF 2.1.0, as code scanning services read it. All rules are declared, so that those services can close findings."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from netpolicy import __version__
from netpolicy.diagnostic import Diagnostic, Label, Severity
from netpolicy.lint import rules
from netpolicy.pages import codes, page, standards, title
from netpolicy.report.lint import Format, Lint, Looked, fingerprint
from netpolicy.waivers.judge import Ignored

LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTICE: "note"}
SHIPPED = "RULES"
"""The base of files that come with the product."""

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_sarif(lint: Lint) -> str:
    """One run: what stands, what is suppressed, and what the baseline knows, the latter two marked so."""
    listed = codes()
    numbers = {code: number for number, code in enumerate(listed)}
    results = [_result(one, each, numbers) for each, one in lint.once()]
    for each in lint.looked:
        results += [_result(one, each, numbers) | _in_source(by) for one, by in each.suppressed]
        known = {"suppressions": [{"kind": "external", "justification": "in the baseline"}]}
        results += [_result(one, each, numbers) | known for one in each.known]
    run = {
        "tool": {
            "driver": {
                "name": "netpolicy",
                "semanticVersion": __version__,
                "rules": [_rule(code, lint) for code in listed],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {SHIPPED: {"description": {"text": "policies that come with netpolicy"}}},
        "artifacts": _artifacts(lint),
        "results": results,
        "properties": {"profile": lint.profile.value, "asOf": lint.day.isoformat()},
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1, sort_keys=True) + "\n"


def _rule(code: str, lint: Lint) -> dict[str, Any]:
    text = page(code) or ""
    paragraph = text.split("\n\n")[1].replace("\n", " ")
    level = next((rule.level(lint.profile) for rule in rules() if rule.code == code), Severity.ERROR)
    weight = {"enabled": level is not None, "level": LEVELS[level or Severity.NOTICE]}
    return {
        "id": code,
        "shortDescription": {"text": title(code)},
        "fullDescription": {"text": paragraph},
        "help": {"text": text, "markdown": text},
        "defaultConfiguration": weight,
        "properties": {"tags": ["network", "security", *standards(code)]},
    }


def _result(one: Diagnostic, each: Looked, numbers: dict[str, int]) -> dict[str, Any]:
    told = f"{one.message}: {one.hint}" if one.hint else one.message
    result: dict[str, Any] = {
        "ruleId": one.code,
        "ruleIndex": numbers[one.code],
        "level": LEVELS[one.severity],
        "message": {"text": "\n".join((told, *one.notes))},
        "partialFingerprints": {"netpolicy/v1": fingerprint(one, each.cluster)},
        "locations": [_location(label, each) for label in one.labels[:1]] or [_whole(each.path)],
    }
    related = [
        _location(label, each) | {"id": number, "message": {"text": label.text or "here"}}
        for number, label in enumerate(one.labels[1:], start=1)
    ]
    return result | ({"relatedLocations": related} if related else {})


def _in_source(by: Ignored) -> dict[str, Any]:
    kind = "inSource" if by.waiver.scope is not None else "external"
    reason = f"{by.waiver.reason} (until {by.waiver.until})"
    return {"suppressions": [{"kind": kind, "justification": reason}]}


def _location(label: Label, each: Looked) -> dict[str, Any]:
    span = label.span
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(max(span.end, span.start + 1))
    region = {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}
    return {"physicalLocation": {"artifactLocation": _artifact(span.source.name, each), "region": region}}


def _whole(path: str) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(path)}}}


def _artifacts(lint: Lint) -> list[dict[str, Any]]:
    found = {
        path: {"location": _artifact(path, each), "hashes": {"sha-256": digest}}
        for each in lint.looked
        for path, digest in each.inputs
    }
    return [one for _, one in sorted(found.items())]


def _artifact(name: str, each: Looked) -> dict[str, str]:
    return {"uri": _uri(name)} | ({"uriBaseId": SHIPPED} if name in each.shipped else {})


def _uri(name: str) -> str:
    """A relative reference where the name is relative, as services want it that know the repository."""
    path = PurePosixPath(name)
    told = quote(str(path), errors="surrogateescape")
    return f"file://{told}" if path.is_absolute() else told


FORMAT = Format("sarif", as_sarif)
