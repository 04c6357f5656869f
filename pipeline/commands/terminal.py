"""What the commands share: exit statuses, error messages, consoles and common options."""

from __future__ import annotations

import argparse
import contextlib
import sys
import traceback
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from components.run_files import METADATA_FILE
from pipeline.commands.cures import with_cure
from pipeline.engines.engine import AUTO, ENGINES

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.display.live import Display

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
EXIT_CLOSED_OUTPUT = 141  # what a shell reports of a program that SIGPIPE ended

LOG_WIDTH = 120
"""The width of the output, in columns, if it does not go to a terminal."""


class CommandGroup(Protocol):
    """What `add_subparsers` returns; argparse has no public name for it."""

    def add_parser(self, name: str, **options: Any) -> argparse.ArgumentParser:
        """Adds the parser of a command."""


def say(text: str, *, stream: IO[str] | None = None) -> None:
    """Prints a text, by default to standard output, without the control characters that names may contain."""
    if not text.replace("\n", "").isprintable():
        from tfds_voc_seg.printable import printable

        text = printable(text)
    print(text, file=stream or sys.stdout)


def warn(message: str) -> None:
    """Prints a message to standard error, each line after the program's name."""
    for line in message.splitlines():
        say(f"vocseg: {line}", stream=sys.stderr)


def fail(message: str, status: int) -> int:
    """Prints an error message as `warn` does and returns `status`."""
    warn(message)
    return status


def not_installed(error: ModuleNotFoundError, command: str, extra: str = "pipeline") -> str:
    """Returns a message that says which extra to install for a command."""
    return f"{error.name} is not installed; `vocseg {command}` needs: pip install 'voc-seg[{extra}]'"


def short_path(path: Path) -> str:
    """Returns a path as text: relative to the current folder if it lies below it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def local_path(text: str) -> Path:
    """Parses an option that is a path; a shell does not replace the `~` in `--output=~/folder`."""
    if not text.startswith("~"):
        return Path(text)
    from tfds_voc_seg import storage

    return storage.local_path(text)


def place(text: str) -> str:
    """Parses an option that is a path or a URI."""
    return str(local_path(text)) if text.startswith("~") else text


def positive(text: str) -> int:
    """Parses an option's whole number, which must be at least 1."""
    return whole_number(text, 1, sys.maxsize, "of at least 1")


def whole_number(text: str, lowest: int, highest: int, allowed: str) -> int:
    """Parses an option's whole number.

    Args:
        text: what the user gave.
        lowest: the lowest number that is allowed.
        highest: the highest number that is allowed.
        allowed: says the same in the message, after "a whole number".

    Raises:
        argparse.ArgumentTypeError: it is not such a number.
    """
    with contextlib.suppress(ValueError):
        if lowest <= (value := int(text)) <= highest:
            return value
    raise argparse.ArgumentTypeError(f"must be a whole number {allowed}, not {text!r}")


def number_above_0(text: str, highest: float) -> float:
    """Parses an option's number, which must be above 0.

    Raises:
        argparse.ArgumentTypeError: it is not a number, or not above 0, or higher than `highest`.
    """
    with contextlib.suppress(ValueError):
        if 0 < (value := float(text)) <= highest:
            return value
    raise argparse.ArgumentTypeError(f"must be a number above 0 and at most {highest:g}, not {text!r}")


def add_override_option(parser: argparse.ArgumentParser, help_text: str) -> None:
    """Adds `--set KEY=VALUE`, which may be repeated; the list of texts is called `overrides`."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help=f"{help_text}; may be repeated",
    )


def add_wait_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--wait`, for commands that lock an output folder."""
    parser.add_argument("--wait", action="store_true", help="wait while another command uses the output folder")


def add_trust_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--trust-model`."""
    parser.add_argument(
        "--trust-model",
        action="store_true",
        help="also load a model whose graph could reach files, processes or the network; it is a program, which runs "
        "with your rights",
    )


def add_engine_option(parser: Any, default: str = AUTO) -> None:
    """Adds `--engine` to a parser or to a group of its options."""
    parser.add_argument(
        "--engine",
        choices=(AUTO, *ENGINES),
        default=default,
        help="what runs the network; auto is the fastest one that the model and this machine have, by a short "
        f"measurement at the first use (default: {default})",
    )


def make_console(stream: IO[str]) -> Console:
    """Returns a console that writes to a stream, `LOG_WIDTH` columns wide if the stream is not a terminal."""
    from pipeline.display.console import PrintableConsole

    return PrintableConsole(file=stream, highlight=False, width=None if stream.isatty() else LOG_WIDTH)


def show_failure(display: Display, message: str, log_file: Path) -> int:
    """Prints why a run failed and where its log is; writes the traceback of the current exception to the log.

    Returns:
        `EXIT_FAILED`.
    """
    from rich.markup import escape

    display.print(f"[bold red]error:[/] {escape(message)}")
    display.print(f"the details are in {escape(short_path(log_file))}")
    traceback.print_exc()  # standard error is the log file
    return EXIT_FAILED


def system_error_message(error: OSError) -> str:
    """Returns the reason that the system gives, after the file's name if it names one."""
    return f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)


def error_message(error: Exception, expected: tuple[type[Exception], ...], output: Path) -> str:
    """Returns an error's message; if it is not one of the expected types, after the word "unexpected" and its type.

    If the cause is a full disk, the message is about that. What to do about a known symptom comes first.

    Args:
        error: the error.
        expected: the types whose message says all.
        output: the folder that was written to.
    """
    from tfds_voc_seg.disk_errors import full_disk_problem

    if problem := full_disk_problem(error, output, output / METADATA_FILE):
        return problem
    return with_cure(str(error) if isinstance(error, expected) else f"unexpected {type(error).__name__}: {error}")
