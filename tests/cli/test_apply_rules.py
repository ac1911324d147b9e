"""`netpolicy apply-rules` that is called wrongly, and when somebody stops it: what it says is true."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from tests.cli.running import called


@pytest.mark.parametrize(("verb", "told"), [("apply", "status` tells what is in force"), ("preview", "nothing was")])
def test_an_apply_that_is_interrupted_never_says_that_nothing_was_written(
    verb: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C waits until the kernel is changed, so that it comes when all is done."""

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(import_module("netpolicy.cli.apply_rules"), "_wanted", interrupted)
    outcome = called("apply-rules", verb, "--build", str(tmp_path))
    assert outcome.status == 130
    assert told in outcome.err
    assert ("nothing was written" in outcome.err) == (verb == "preview")


@pytest.mark.parametrize("option", ["--build", "--cluster", "--node", "--allowed-signers", "--signer", "--state"])
def test_an_empty_value_is_wrong_usage(option: str, tmp_path: Path) -> None:
    """`--signer "$NAME"` of a script without that name must not leave the signature unchecked."""
    build = ("--build", str(tmp_path)) if option not in ("--build", "--cluster") else ()
    outcome = called("apply-rules", "apply", *build, option, "")
    assert outcome.status == 2
    assert f"`{option}` has an empty value" in outcome.err
