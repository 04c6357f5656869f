"""Runs a compiled specification with `kfp.local`: `python kfp_local_run.py SPEC ROOT NAME=VALUE …`.

KFP's own SubprocessRunner accepts only components that are Python functions; the script removes its two checks.
"""

from __future__ import annotations

import sys

from kfp import components, local
from kfp.local.subprocess_task_handler import SubprocessTaskHandler


def main(spec: str, root: str, *parameters: str) -> None:
    SubprocessTaskHandler.validate_image = _accept
    SubprocessTaskHandler.validate_not_container_component = _accept
    local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=root, raise_on_error=True)
    arguments = dict(parameter.split("=", 1) for parameter in parameters)
    components.load_component_from_file(spec)(**arguments)


def _accept(*_args: object, **_options: object) -> None:
    """Replaces a check."""


if __name__ == "__main__":
    main(*sys.argv[1:])
