"""The words of the language; each is a terminal of the grammar, named by its capitals."""

from __future__ import annotations

from collections.abc import Iterable

STATEMENT_WORDS = (
    *("policy", "include", "set", "option", "param", "role", "group", "label", "network", "alias"),
    *("forwarded", "service", "allow", "deny", "never", "expect", "require", "advise", "when"),
)
DECLARING_WORDS = ("param", "role", "group", "label", "network", "alias", "service", "forwarded")
PROTOCOL_WORDS = ("tcp", "udp", "sctp", "icmp", "icmpv4", "icmpv6", "esp", "ah", "gre", "proto")
OTHER_WORDS = ("all", "world", "outside", "self", "node", "exists", "not", "and", "or", "count", "any", "on", "off")
RESERVED_WORDS = frozenset((*STATEMENT_WORDS, *PROTOCOL_WORDS, *OTHER_WORDS))
ATTRIBUTE_WORDS = ("because", "source", "owner", "ticket", "expires", "review", "tag", "log")
"""Not reserved: they mean something only behind a flow or a demand."""
PLACE_WORDS = ("except", "exactly", "least", "no", "with", "alone")
"""Not reserved: they mean something only in a selector or a demand."""
TEXT = r'"(?:[^"\\\n]|\\[^\n])*+"'
"""A pattern of quoted texts, as STRING of the grammar."""


def terminals(words: Iterable[str]) -> frozenset[str]:
    """The names that the grammar gives to these words."""
    return frozenset(word.upper() for word in words)
