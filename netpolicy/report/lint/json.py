"""For programs: everything, in one document without a clock."""

from __future__ import annotations

import json
from typing import Any

from netpolicy import __version__
from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.pages import standards, title
from netpolicy.report.findings import FORMAT_VERSION, as_value
from netpolicy.report.lint import Format, Lint, Looked, fingerprint
from netpolicy.waivers.baseline import meaning
from netpolicy.waivers.judge import Ignored


def as_json(lint: Lint) -> str:
    """The document whose schema is `schemas/lint.json`."""
    standing = [one for each in lint.looked for one in each.findings]
    tree: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "tool": {"name": "netpolicy", "version": __version__},
        "kind": "lint",
        "result": "findings" if lint.failed else "fine",
        "profile": lint.profile.value,
        "fail_on": lint.bar.value,
        "as_of": lint.day.isoformat(),
        "counts": {level.value: sum(one.severity is level for one in standing) for level in Severity},
        "clusters": [_looked(each) for each in lint.looked],
    }
    return json.dumps(tree, indent=1, sort_keys=True) + "\n"


def _looked(each: Looked) -> dict[str, Any]:
    return {
        "path": each.path,
        "cluster": each.cluster,
        "whole": each.whole,
        "inputs": [{"path": path, "sha256": digest} for path, digest in each.inputs],
        "findings": [_finding(one, each) for one in each.findings],
        "suppressions": [suppression(one, each.cluster) for one in each.ignored],
        "baseline": [_finding(one, each) for one in each.known],
    }


def _finding(one: Diagnostic, each: Looked) -> dict[str, Any]:
    return finding(one, each.cluster)


def finding(one: Diagnostic, cluster: str) -> dict[str, Any]:
    """A finding with all its places, its meaning, and who else asks for the same."""
    places = [
        {"place": label.span.place, "underlined": label.span.text, "note": label.text} for label in one.labels[1:]
    ]
    return as_value(one) | {
        "title": title(one.code),
        "column": one.span.column if one.span is not None else None,
        "meaning": meaning(one),
        "fingerprint": fingerprint(one, cluster),
        "standards": list(standards(one.code)),
        "related": places,
        "removable": one.removable,
    }


def suppression(one: Ignored, cluster: str) -> dict[str, Any]:
    """A suppression, what became of it, and what it hides."""
    waiver = one.waiver
    return {
        "codes": list(waiver.codes),
        "until": waiver.until.isoformat(),
        "reason": waiver.reason,
        "about": waiver.about,
        "place": waiver.span.place if waiver.span is not None else None,
        "state": one.state.value,
        "hides": [finding(each, cluster) for each in one.hides],
    }


FORMAT = Format("json", as_json)
