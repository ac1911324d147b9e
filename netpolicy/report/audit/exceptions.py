"""What departs from the rule, and until when: suppressions, dates, statements that nobody answers for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from netpolicy.dsl import syntax as s
from netpolicy.lint import inside
from netpolicy.report.audit.model import Audit
from netpolicy.report.audit.promises import file_and_line
from netpolicy.report.audit.risk import WEAK_TAGS
from netpolicy.report.findings import as_list, place_of


def exceptions(audit: Audit, register: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Suppressions, and the ids of statements by what is to be done about them, what is due first before others."""
    return {
        "suppressions": [
            {
                "code": ", ".join(one.waiver.codes),
                "until": one.waiver.until.isoformat(),
                "reason": one.waiver.reason,
                "about": one.waiver.about,
                "place": place_of(one.waiver.span),
                "state": one.state.value,
                "hides": as_list(one.hides),
            }
            for one in audit.ignored
        ],
        "expiring": _dated(register, "expires"),
        "review_due": [one["id"] for one in _by_date(register, "review") if "review due" in one["state"]],
        "unjustified": _in_state(register, "unjustified"),
        "no_owner": _in_state(register, "no owner"),
        "disputed": [one["id"] for one in register if set(one["tags"]) & set(WEAK_TAGS)],
        "left_out": list(_left_out(audit)),
    }


def _in_state(register: Sequence[dict[str, Any]], state: str) -> list[str]:
    return [one["id"] for one in register if state in one["state"]]


def _dated(register: Sequence[dict[str, Any]], key: str) -> list[str]:
    return [one["id"] for one in _by_date(register, key)]


def _by_date(register: Sequence[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    return sorted((one for one in register if one[key]), key=lambda one: (one[key], one["id"]))


def _left_out(audit: Audit) -> Iterator[dict[str, Any]]:
    """Allows that have expired and that were compiled without: an id is given to active statements alone."""
    active = {one.span for one in (*audit.policy.statements, *audit.policy.repeated)}
    told = {one.span for one in audit.findings if one.code == "NP501"}
    for file in audit.files:
        for one in inside(file.statements):
            if isinstance(one, s.Flow) and one.span not in active and one.attributes.expires is not None:
                notes = one.attributes
                if (notes.expires_span or one.span) in told:
                    yield {
                        "text": one.span.text.partition("\n")[0].strip(),
                        **file_and_line(one.span),
                        "expires": one.attributes.expires.isoformat(),
                        "owner": notes.owner,
                        "because": notes.because,
                    }
