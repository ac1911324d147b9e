"""GitLab's report of code quality."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any

from netpolicy.diagnostic import Diagnostic, Severity
from netpolicy.report.lint import Format, Lint, Looked, fingerprint

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.NOTICE: "minor"}


def as_gitlab(lint: Lint) -> str:
    """A list of findings; of those that mean the same each has a fingerprint of its own, as GitLab wants it."""
    seen = Counter[str]()
    listed = list[dict[str, Any]]()
    for each, one in lint.once():
        known = fingerprint(one, each.cluster)
        listed.append(_finding(one, each, f"{known}{seen[known] or ''}"))
        seen[known] += 1
    return json.dumps(listed, indent=1, sort_keys=True) + "\n"


def _finding(one: Diagnostic, each: Looked, known: str) -> dict[str, Any]:
    span = one.span if one.span is not None and one.span.source.name not in each.shipped else None
    told = f"{one.message}: {one.hint}" if one.hint else one.message
    lines = {"begin": span.line, "end": span.source.position(span.end)[0]} if span is not None else {"begin": 1}
    return {
        "type": "issue",
        "check_name": one.code,
        "description": f"{one.code}: {told}",
        "fingerprint": hashlib.sha256(known.encode()).hexdigest(),
        "severity": _SEVERITIES[one.severity],
        "location": {"path": span.source.name if span is not None else each.path, "lines": lines},
    }


FORMAT = Format("gitlab", as_gitlab)
