"""What people are shown of a statement of which only the id is at hand, as in the comment of a rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from netpolicy.policy.model import Policy
from netpolicy.source import Span


@dataclass(frozen=True, slots=True)
class Citation:
    """A statement as `who -> whom : what`, and where it stands; `span` is None where its file is not at hand."""

    text: str
    place: str = ""
    span: Span | None = field(default=None, compare=False, repr=False)
    owner: str = field(default="", compare=False)
    because: str = field(default="", compare=False)


def of_policy(policy: Policy) -> dict[str, Citation]:
    """The statements of a policy by id; both directions of `<->` share one, and the first is cited."""
    found: dict[str, Citation] = {}
    for one in policy.statements:
        notes, place = one.attributes, one.span.place if one.span else ""
        found.setdefault(one.id, Citation(one.text, place, one.span, notes.owner, notes.because))
    return found


def of_manifest(statements: Iterable[Mapping[str, Any]]) -> dict[str, Citation]:
    """The `statements` of a manifest by id; what is no such thing is a LookupError or a TypeError."""
    found: dict[str, Citation] = {}
    for one in statements:
        place = f"{one['file']}:{one['line']}:{one['column']}"
        text = f"{one['who']} -> {one['whom']} : {one['what']}"
        notes = [str(one.get(key, "")) for key in ("owner", "because")]
        found.setdefault(one["id"], Citation(text, place, None, *notes))
    return found
