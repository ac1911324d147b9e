"""A git repository made by a test."""

from __future__ import annotations

import subprocess


def git(*words: str) -> str:
    """Runs git in the current folder."""
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org", "-c", "commit.gpgsign=false")
    ended = subprocess.run(("git", *who, *words), check=True, capture_output=True, text=True)
    return ended.stdout.strip()


def commit(message: str) -> None:
    """Commits all that is in the current folder, which becomes a repository where it is none."""
    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-qm", message)
