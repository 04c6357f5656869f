"""`vocseg demo`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands.terminal import (
    EXIT_USAGE,
    add_engine_option,
    add_trust_option,
    fail,
    not_installed,
    number_above_0,
    place,
    positive,
    whole_number,
)
from pipeline.display.library_output import libraries_to_log

if TYPE_CHECKING:
    import argparse

DEFAULT_PORT, DEFAULT_UPLOAD_MB, DEFAULT_MEMORY_MB = 8640, 20.0, 1536
_HIGHEST_PORT = 65_535


def add_parser(commands: Any) -> None:
    """Adds `demo`."""
    demo = commands.add_parser(
        "demo",
        help="try models on images in a local web page",
        description="Serve a local web page that segments images: it shows overlays, can hide classes, and compares "
        "two models. Images stay in the memory of this machine.",
    )
    demo.add_argument(
        "models",
        nargs="+",
        type=place,
        metavar="MODEL",
        help="one or two: a SavedModel, a publishing folder (its latest version), the output folder of a run, or a "
        "folder that vocseg export wrote",
    )
    demo.add_argument("--host", default="127.0.0.1", metavar="H", help="address to serve on (default: this machine)")
    demo.add_argument(
        "--port", type=_port, default=DEFAULT_PORT, metavar="N", help=f"0 selects a free port (default: {DEFAULT_PORT})"
    )
    demo.add_argument(
        "--max-upload-mb",
        type=_megabytes,
        default=DEFAULT_UPLOAD_MB,
        metavar="MB",
        help=f"maximum size of an image file (default: {DEFAULT_UPLOAD_MB:g})",
    )
    demo.add_argument(
        "--memory-mb",
        type=positive,
        default=DEFAULT_MEMORY_MB,
        metavar="MB",
        help="memory for the images of all visitors, beside the models; a larger image is refused "
        f"(default: {DEFAULT_MEMORY_MB})",
    )
    demo.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="also answer requests for this host name, such as the name of this machine; may be repeated",
    )
    add_engine_option(demo)
    add_trust_option(demo)
    demo.set_defaults(command=_demo, interrupted="the demo has stopped")


def _port(text: str) -> int:
    return whole_number(text, 0, _HIGHEST_PORT, f"from 0 to {_HIGHEST_PORT}")


def _megabytes(text: str) -> float:
    return number_above_0(text, 1024)


def _demo(options: argparse.Namespace) -> int:
    from pipeline.demo.limits import MEBIBYTE, Limits
    from pipeline.engines.selection import find_model

    if len(options.models) > 2:
        return fail("at most two models can be compared", EXIT_USAGE)
    try:
        for model in options.models:
            find_model(model)
        limits = Limits(int(options.max_upload_mb * MEBIBYTE), options.memory_mb * MEBIBYTE)
    except ValueError as error:  # no model, or too little memory
        return fail(str(error), EXIT_USAGE)

    with tempfile.TemporaryDirectory() as logs, libraries_to_log(Path(logs)) as (terminal, _):

        def say(line: str) -> None:
            print(line, file=terminal, flush=True)

        say("loading the model …" if len(options.models) == 1 else "loading the models …")
        try:
            from pipeline.demo.server import AddressError, is_this_machine_only, listen, serve
        except ModuleNotFoundError as error:
            problem = not_installed(error, "demo", "demo")
        else:
            try:
                with listen(options.host, options.port) as listening:
                    if not is_this_machine_only(options.host):
                        say(f"warning: on {options.host}, everyone who can reach this machine can use the page")
                    serve(
                        options.models,
                        listening,
                        options.host,
                        limits=limits,
                        allowed_hosts=options.allow_host,
                        trust=options.trust_model,
                        engine=options.engine,
                        on_ready=lambda address: say(f"open {address}  (Ctrl-C stops the demo)"),
                    )
                return 0
            except (AddressError, ValueError) as error:  # ValueError: a model cannot be used
                problem = str(error)
    return fail(problem, EXIT_USAGE)
