"""An audit as a folder: every format, and a manifest with their digests that can be signed."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netpolicy.cli.folder import MANIFEST, SIGNATURE, OutputError, replacing

NAMESPACE = "netpolicy-audit"
"""What a signature is for, so that none of a build stands for one of an audit."""
FILES = {"html": "audit.html", "markdown": "audit.md", "csv": "audit.csv", "json": "audit.json"}
CONTENTS = frozenset({*FILES.values(), MANIFEST, SIGNATURE})
_PATIENCE = 300  # a key may ask for its passphrase


def pack(folder: str, texts: Mapping[str, str], tree: Mapping[str, Any], key: str = "") -> None:
    """The texts by format in a folder, with a manifest, which the key signs where one is named; whole or not at all."""
    with replacing(Path(folder), CONTENTS, "an audit") as fresh:
        for name, text in texts.items():
            (fresh / FILES[name]).write_bytes(text.encode())
        (fresh / MANIFEST).write_text(_manifest(texts, tree), encoding="utf-8")
        if key:
            _sign(fresh / MANIFEST, key)


def _manifest(texts: Mapping[str, str], tree: Mapping[str, Any]) -> str:
    told = ("format_version", "tool", "kind", "as_of", "revision", "generation", "inputs", "rulesets", "cloud")
    manifest = {key: tree[key] for key in told} | {
        "cluster": tree["cluster"]["name"],
        "files": {FILES[name]: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()},
    }
    return json.dumps(manifest, indent=1, sort_keys=True) + "\n"


def _sign(manifest: Path, key: str) -> None:
    """Beside the manifest stands its signature, as `ssh-keygen -Y verify -n netpolicy-audit` reads it."""
    command = ("ssh-keygen", "-Y", "sign", "-n", NAMESPACE, "-f", key, str(manifest))
    try:
        ended = subprocess.run(
            command, capture_output=True, check=False, timeout=_PATIENCE, stdin=subprocess.DEVNULL, text=True
        )
    except FileNotFoundError:
        raise OutputError("there is no `ssh-keygen` here to sign with", "install openssh-client") from None
    except subprocess.TimeoutExpired:
        raise OutputError(f"`ssh-keygen` does not answer about `{key}`", "does it wait for a passphrase?") from None
    if ended.returncode:
        why = " ".join(ended.stderr.split())[-300:] or "ssh-keygen says no more"
        hint = "name the file of a private key of ssh"
        if "passphrase" in why:
            hint = f"a passphrase keeps the key: give it to an agent first, `ssh-add {key}`"
        raise OutputError(f"the manifest cannot be signed with `{key}`: {why}", hint)
