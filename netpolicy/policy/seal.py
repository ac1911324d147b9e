"""A JSON text that names the digest of its own bytes, so that one that was damaged on its way is known.

It is no signature: who changes the text can seal it again.
"""

from __future__ import annotations

import hashlib

KEY = "sha256"
OPEN = "0" * 64
"""What stands at the key of the outermost object while the digest is made."""


def sealed(text: str) -> str:
    """The text, which has `OPEN` at its key, with the digest in its place."""
    return text.replace(_line(OPEN), _line(hashlib.sha256(text.encode()).hexdigest()), 1)


def is_whole(text: bytes, digest: object) -> bool:
    """True when the text is, to the byte, the one that was sealed with that digest."""
    line = _line(str(digest)).encode()
    return text.count(line) == 1 and hashlib.sha256(text.replace(line, _line(OPEN).encode())).hexdigest() == digest


def _line(digest: str) -> str:
    """As JSON with an indent of one writes it; no text within the JSON can hold it, since it begins with a new line."""
    return f'\n "{KEY}": "{digest}"'
