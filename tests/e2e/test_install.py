"""The wheel in a clean environment: the dataset works without TFX."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


@pytest.mark.slow
def test_an_install_without_extras_has_the_dataset_and_no_tfx(tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    subprocess.run([environment / "bin/python", "-m", "pip", "install", "--quiet", PROJECT], check=True)

    def run(*command: str, status: int = 0) -> str:
        program = environment / "bin" / command[0]
        finished = subprocess.run([program, *command[1:]], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert finished.returncode == status, finished.stdout + finished.stderr
        return finished.stdout + finished.stderr

    installed = run("python", "-m", "pip", "list").lower()
    assert "voc-seg" in installed
    for absent in ("tfx", "tensorflow-model-analysis", "ml-metadata", "kfp"):
        assert f"\n{absent} " not in installed
    run("vocseg", "data", "sample", "VOC2012", "--train", "3", "--val", "2")
    assert "pip install 'voc-seg[pipeline]'" in run("vocseg", "run", status=2)
    program = (
        "import sys\n"
        "import tensorflow_datasets as tfds\n"
        "import tfds_voc_seg\n"
        "from tfds_voc_seg.voc_seg_dataset_builder import VocSegConfig\n"
        "config = VocSegConfig(image_size=32, classes=('car', 'person'), devkit='VOC2012')\n"
        "dataset, info = tfds.load(\n"
        "    'voc_seg', split='train', with_info=True, as_supervised=True,\n"
        "    data_dir='data', builder_kwargs={'config': config},\n"
        ")\n"
        "(image, mask), *rest = dataset\n"
        "assert (len(rest), image.shape, mask.shape) == (2, (32, 32, 3), (32, 32, 3))\n"
        "assert 'pascal-voc-2012' in info.citation\n"
        "assert not {'tfx', 'pydantic'} & set(sys.modules)\n"
    )
    run("python", "-c", program)
