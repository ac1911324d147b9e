"""Names and descriptions that every cloud accepts, whatever the policy says."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

LONGEST = 255
"""Characters of a name and of a description: the limit of EC2 and of Neutron alike."""
_UNFIT = re.compile(r"[^A-Za-z0-9 ._:/()#,@+=;!*-]")
_SPELT = (("<->", "with"), ("->", "to"), ("&", "and"))
_LONGEST_HEAD = 80


def group_name(cluster: str, head: str) -> str:
    """`np:CLUSTER:HEAD`; different for different clusters and heads, in lower case, never `default` nor `sg-…`."""
    name = f"np:{cluster.lower()}:{head}"
    if len(name) <= LONGEST:
        return name
    return f"np:{cluster.lower()[:100]}-{_digest(cluster.lower())}:{head[:100]}-{_digest(head)}"


def head_of(text: str) -> str:
    """A readable head for the group of a selector; it has a `-`, so that it is no role's name."""
    return f"{slug(text)}-{_digest(text)}"


def slug(text: str) -> str:
    """The text in letters, digits, `_` and single `-`."""
    words = re.sub(r"[^a-z0-9_]+", "-", legal(text).lower()).strip("-")
    return words[:_LONGEST_HEAD].rstrip("-") or "none"


def description(statements: Sequence[str], text: str) -> str:
    """`np:` and the ids of the statements as far as they fit, then what the first of them says."""
    ids = "np:" if statements else "np:default"
    for number, one in enumerate(statements):
        more = ("," if number else "") + one
        left = len(statements) - number - 1
        if len(ids) + len(more) + (len(f",+{left}") if left else 0) > LONGEST:
            return f"{ids},+{len(statements) - number}"
        ids += more
    return f"{ids} {legal(text)}"[:LONGEST].rstrip()


def legal(text: str) -> str:
    """The text in the alphabet that all clouds take."""
    for sign, word in _SPELT:
        text = text.replace(sign, word)
    return re.sub(r"\s+", " ", _UNFIT.sub("", text)).strip()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
