"""The audit as JSON: all of it, for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def as_json(tree: Mapping[str, Any]) -> str:
    """The same tree, the same text, byte for byte; its schema is `schemas/audit.json`."""
    return json.dumps(tree, indent=1, sort_keys=True) + "\n"
