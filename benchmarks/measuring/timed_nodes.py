"""Runs `vocseg` in this process and writes how long the executors of the pipeline's nodes took.

    python -m benchmarks.measuring.timed_nodes FILE run --output FOLDER

FILE gets the sum in seconds. What the launcher of TFX does around an executor (metadata, cache) is not in it.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from components.allocator import configure_allocators, loading_libraries, with_frames_in_one_chunk


@with_frames_in_one_chunk
def main(file: Path) -> int:
    """Runs the command whose words are in `sys.argv`; returns its exit status."""
    configure_allocators()  # before the imports below, as `vocseg` does
    with loading_libraries():  # all that `vocseg run` loads in this way; it finds them loaded
        from tfx.orchestration.portable import launcher

        import pipeline.local.runner  # noqa: F401
    from pipeline import cli

    seconds = 0.0

    class TimedLauncher(launcher.Launcher):
        def _run_executor(self, execution_info: Any) -> Any:
            nonlocal seconds
            started = time.monotonic()
            try:
                return super()._run_executor(execution_info)
            finally:
                seconds += time.monotonic() - started

    launcher.Launcher = TimedLauncher  # the base class of the launchers of `pipeline.local.node_monitor`
    status = cli.main()
    file.write_text(str(seconds))
    return status


if __name__ == "__main__":
    target = Path(sys.argv.pop(1))
    sys.exit(main(target))
