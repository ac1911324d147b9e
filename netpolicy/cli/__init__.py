"""The command line: one file a command, imported when it is run.

Exit status: 0 fine (warnings and notices alone too, unless `lint --fail-on` says otherwise), 1 errors in policy or
cluster or a broken promise, 2 usage, unreadable input, a place that cannot be written, or an internal error. Of
an apply that failed: 3 the old rules were put back, 4 nobody knows.
"""

from __future__ import annotations

import argparse
import errno
import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from types import ModuleType

FINE, WRONG, UNUSABLE = 0, 1, 2
INTERRUPTED, UNHEARD = 130, 141  # as a shell says of a process that SIGINT or SIGPIPE ended
COMMANDS = (
    *("init", "lint", "fmt", "compile", "verify", "why", "matrix", "diff", "rehearse", "explain"),
    *("check-node", "apply-rules", "drift", "audit"),
)
_DESCRIPTION = "Write who may talk to whom once; have it proved and compiled to firewall rules for every node."
_EXAMPLES = ("netpolicy lint cluster.yaml", "netpolicy compile cluster.yaml -o build/")
_NOT_TAKEN = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def program(only: str = "") -> int:
    """A whole process: `main` without the collector, which finds nothing in a run and takes a tenth of a short one."""
    gc.disable()
    status = main(only=only)
    gc.freeze()  # nor is there anything to find at the end
    return status


def apply_rules() -> int:
    """The program `apply-rules`, which is this one command."""
    return program(only="apply-rules")


def main(arguments: Sequence[str] | None = None, only: str = "") -> int:
    """Runs one command, `only` that where it is named; answers the exit status. A person never sees a traceback."""
    if isinstance(sys.stdout, TextIOWrapper):
        # A name of a file or a node that this terminal cannot show is no reason to fail.
        sys.stdout.reconfigure(errors="backslashreplace")
    options = (_parser_of(only) if only else _parser()).parse_args(arguments)
    # What a run builds holds no cycles; looking for them again and again takes two fifths of the time of a large one.
    collecting = gc.isenabled()
    gc.disable()
    try:
        status = int(options.run(options))
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        print("netpolicy: interrupted; nothing was written", file=sys.stderr)
        return INTERRUPTED
    except OSError as failure:
        if failure.errno in _NOT_TAKEN and failure.filename is None:
            return _lost(failure)
        return _internal(failure, verbose=options.verbose)
    except RecursionError:
        print("error: blocks or includes are nested too deep; nothing was written", file=sys.stderr)
        return WRONG
    except Exception as failure:
        return _internal(failure, verbose=options.verbose)
    finally:
        if collecting:
            gc.enable()
    return status


def module_of(name: str) -> str:
    """The module of a command, such as `netpolicy.cli.check_node` of `check-node`."""
    return f"netpolicy.cli.{name.replace('-', '_')}"


def _parser() -> argparse.ArgumentParser:
    from netpolicy import __version__

    parser = argparse.ArgumentParser(
        prog="netpolicy",
        description=_DESCRIPTION,
        epilog=_shown(_EXAMPLES),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"netpolicy {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in COMMANDS:
        command = import_module(module_of(name))
        added = commands.add_parser(
            name,
            help=command.SUMMARY,
            description=command.__doc__,
            epilog=_shown(command.EXAMPLES),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        _configure(added, command)
    return parser


def _parser_of(name: str) -> argparse.ArgumentParser:
    """The parser of a program that is this one command."""
    from netpolicy import __version__

    command = import_module(module_of(name))
    examples = [example.removeprefix("netpolicy ") for example in command.EXAMPLES]
    parser = argparse.ArgumentParser(
        prog=name,
        description=command.__doc__,
        epilog=_shown(examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{name} of netpolicy {__version__}")
    _configure(parser, command)
    return parser


def _configure(parser: argparse.ArgumentParser, command: ModuleType) -> None:
    """The options that all commands have, and those of this one."""
    parser.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="colours on a terminal (NO_COLOR and FORCE_COLOR are kept too)",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing but what is wrong")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the traceback of an internal error")
    command.configure(parser)
    parser.set_defaults(run=command.run)


def _shown(examples: Sequence[str]) -> str:
    return "examples:\n" + "\n".join(f"  {example}" for example in examples)


def _lost(failure: OSError) -> int:
    """Says that the output could not be written; where nobody listens any more, nothing can be said."""
    unheard = failure.errno == errno.EPIPE
    nowhere = os.open(os.devnull, os.O_WRONLY)
    # The interpreter flushes what is left when it ends, and would fail as well.
    for stream in (sys.stdout, sys.stderr) if unheard else (sys.stdout,):
        with suppress(OSError, ValueError):
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
    if unheard:
        return UNHEARD
    print(f"error: cannot write the output: {(failure.strerror or 'no reason given').lower()}", file=sys.stderr)
    return UNUSABLE


def _internal(failure: Exception, *, verbose: bool) -> int:
    if verbose:
        import traceback

        traceback.print_exc()
    kind = type(failure).__name__
    print(f"error: internal error ({kind}: {failure}); this is a bug of netpolicy", file=sys.stderr)
    print("  = hint: run again with --verbose and report what it prints", file=sys.stderr)
    return UNUSABLE
