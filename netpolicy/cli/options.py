"""Options that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, date, datetime

CONFIG, SHARED_CONFIG = "netpolicy.toml", "pyproject.toml"


def day_of(text: str) -> date:
    """A day given on the command line, YEAR-MONTH-DAY."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"`{text}` is no date; write YEAR-MONTH-DAY") from None


def serial(text: str) -> int:
    """The order of a build given on the command line."""
    if not (text.isascii() and text.isdigit()) or len(text) > 15:
        raise argparse.ArgumentTypeError(f"`{text}` is no serial number")
    return int(text)


def today() -> date:
    """The day in UTC."""
    return datetime.now(UTC).date()


def add_day(parser: argparse.ArgumentParser) -> None:
    """Adds the options about the day on which a policy is judged."""
    parser.add_argument(
        "--as-of", type=day_of, default=None, metavar="DATE", help="judge expiry on this day (UTC; default: today)"
    )
    parser.add_argument("--omit-expired", action="store_true", help="leave expired allows out instead of refusing them")


def add_config(parser: argparse.ArgumentParser) -> None:
    """Adds the options about the configuration."""
    parser.add_argument(
        "--config",
        metavar="FILE",
        help=f"the configuration (default: `{CONFIG}`, else `{SHARED_CONFIG}`; here or in a folder above)",
    )
    parser.add_argument("--no-config", action="store_true", help="use no configuration")


def wrong_clouds(names: Sequence[str]) -> tuple[str, str] | None:
    """What is wrong with the clouds that the command names, and what to do."""
    from netpolicy.pipeline import unknown_cloud

    if "none" in names and set(names) != {"none"}:
        return "`--cloud none` stands beside the name of a cloud", "leave one of them out"
    return next((wrong for name in names if name != "none" and (wrong := unknown_cloud(name)) is not None), None)
