"""What the libraries below the components import: no TFX and no Beam, and, where speed matters, no TensorFlow."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_IMPORT_ALL = """
import importlib
import pkgutil
import sys

FORBIDDEN = {
    "tfx", "tfx_bsl", "apache_beam", "tensorflow_model_analysis", "tensorflow_data_validation", "ml_metadata", "kfp"
}


class RejectForbidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in FORBIDDEN:
            raise ImportError(f"{name} must not be imported here")


sys.meta_path.insert(0, RejectForbidden())
names = ["components.allocator", "components.progress", "components.run_files", "components.strict_config"]
for library in ("metrics", "networks", "saved_model", "training"):
    package = importlib.import_module(f"components.{library}")
    names += [module.name for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
for name in names:
    importlib.import_module(name)
print(len(names))
"""

_IMPORT_LIGHT = """
import importlib
import sys

importlib.import_module(sys.argv[1])
print(sorted({"keras", "scipy", "tensorflow"} & set(sys.modules)))
"""


def _run(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


def test_the_libraries_work_without_tfx_and_beam() -> None:
    assert int(_run(_IMPORT_ALL)) > 35


@pytest.mark.parametrize(
    "module",
    [
        "components.metrics",
        "components.networks.names",
        "components.saved_model.description",
        "components.saved_model.serving_folder",
        "components.training.config",
    ],
)
def test_what_commands_and_configuration_import_needs_no_tensorflow(module: str) -> None:
    assert _run(_IMPORT_LIGHT, module) == "[]"
