"""What a page of docs/ shows is what its commands print, beside its first policy and its first cluster.

`DOCS=write` writes it anew, for a person to review.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DAY = 'netpolicy() { command netpolicy "$@" --as-of 2026-06-01; }\n'
"""Every command is of one day, which the page need not say."""


def printed(command: str, folder: Path) -> str:
    """What a shell prints, as it appears on a terminal."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    script = f"exec 2>&1\n{DAY}{command}"
    ended = subprocess.run(
        ["bash", "-c", script], cwd=folder, env={"PATH": path}, capture_output=True, text=True, check=False, timeout=60
    )
    assert "Traceback" not in ended.stdout
    return ended.stdout


@pytest.mark.parametrize("name", ["audit.md", "lint.md"])
def test_what_the_page_shows_is_what_is_printed(tmp_path: Path, name: str) -> None:
    text = (DOCS / name).read_text(encoding="utf-8")
    blocks = FENCED.findall(text)
    for kind, file in (("netpol", "policy.netpol"), ("yaml", "cluster.yaml")):
        (tmp_path / file).write_text(next(block for fence, block in blocks if fence == kind), encoding="utf-8")
    shown = [block for kind, block in blocks if kind == "console"]
    assert shown
    for block in shown:
        commands = [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]
        now = "\n".join(f"$ {command}\n{printed(command, tmp_path)}" for command in commands)
        if os.environ.get("DOCS") == "write":
            text = text.replace(f"```console\n{block}```", f"```console\n{now}```", 1)
        else:
            assert block == now
    if os.environ.get("DOCS") == "write":
        (DOCS / name).write_text(text, encoding="utf-8")
