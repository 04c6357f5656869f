"""The command line. The commands import heavy libraries when they run, so that `vocseg --help` is fast."""

from __future__ import annotations

import argparse
import os
import select
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, cast

from components.allocator import configure_allocators, with_frames_in_one_chunk
from pipeline.commands import (
    benchmark,
    data,
    demo,
    doctor,
    evaluate,
    experiment,
    export,
    kubeflow,
    predict,
    published,
    repair,
    run,
)
from pipeline.commands.terminal import EXIT_CLOSED_OUTPUT, EXIT_FAILED, EXIT_INTERRUPTED, fail, system_error_message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@with_frames_in_one_chunk
def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        arguments: the words after `vocseg`; by default those of this process.

    Returns:
        The exit status: 0 success, 1 failure, 2 wrong arguments or configuration, 130 interrupted, 141 the reader of
        the output ended.
    """
    if arguments is None:  # this process is the command's own
        _open_closed_streams()
        configure_allocators()
        # Python processes that libraries start, such as Beam's workers, do not import from the current folder.
        os.environ.setdefault("PYTHONSAFEPATH", "1")
    try:
        return _run_command(arguments)
    except OSError as error:
        closed = isinstance(error, BrokenPipeError) and _output_is_closed()
        _drop_unwritten_output()
        return EXIT_CLOSED_OUTPUT if closed else fail(system_error_message(error), EXIT_FAILED)


def _run_command(arguments: Sequence[str] | None) -> int:
    try:
        options = command_parser().parse_args(arguments)
        command = cast("Callable[[argparse.Namespace], int]", options.command)
        try:
            return command(options)
        except KeyboardInterrupt:
            return fail(options.interrupted, EXIT_INTERRUPTED)
    finally:
        sys.stdout.flush()


def _open_closed_streams() -> None:
    """Connects standard streams that are closed, as in `vocseg COMMAND >&-`, to nothing; they are `None` in Python."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):  # each gets the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 (for the rest of the process)


def _output_is_closed() -> bool:
    """Tells whether the reader of standard output has ended, as `head` does after its last line."""
    poll = select.poll()
    poll.register(sys.stdout, 0)  # errors are always reported
    return any(events & select.POLLERR for _, events in poll.poll(0))


def _drop_unwritten_output() -> None:
    """Lets what standard output did not take go nowhere: Python would try again when it ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Parser(argparse.ArgumentParser):
    """Parses a command; its errors repeat the arguments, but not the logins in their URIs."""

    def error(self, message: str) -> NoReturn:
        """Prints the error and ends the process."""
        from tfds_voc_seg.printable import without_logins

        super().error(without_logins(message))


def command_parser() -> argparse.ArgumentParser:
    """Returns the parser of all commands; the function that runs the parsed command is its attribute `command`."""
    parser = _Parser(
        prog="vocseg", description="Semantic segmentation on PASCAL VOC: data, training, evaluation, publishing."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    run.add_parser(commands)
    evaluate.add_parser(commands)
    predict.add_parser(commands)
    demo.add_parser(commands)
    export.add_parser(commands)
    benchmark.add_parser(commands)
    experiment.add_parser(commands)
    published.add_parsers(commands)
    repair.add_parser(commands)
    doctor.add_parser(commands)
    data.add_parser(commands)
    kubeflow.add_parser(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
