from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from pipeline.config.loading import load_config
from pipeline.config.problems import ConfigError
from pipeline.display.live import Display
from pipeline.local.sample import prepare_sample
from pipeline.places import devkit_folder

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.config.schema import RunConfig


def prepared(output: Path, images: int) -> RunConfig:
    settings = [f"sample.train_images={images}", "sample.val_images=1"]
    config = load_config("demo", overrides=settings, output=str(output))
    prepare_sample(config, Display(Console(file=io.StringIO())))
    return config


def test_an_existing_sample_is_not_changed(tmp_path: Path) -> None:
    photo = sorted((devkit_folder(prepared(tmp_path, 2)) / "JPEGImages").iterdir())[0]
    photo.write_bytes(b"changed by hand")
    prepared(tmp_path, 2)
    assert photo.read_bytes() == b"changed by hand"


def test_an_existing_sample_with_other_settings_is_an_error(tmp_path: Path) -> None:
    prepared(tmp_path, 2)
    with pytest.raises(ConfigError, match=r"drawn with train_images 2, .* not with train_images 3, .*; remove that"):
        prepared(tmp_path, 3)


def test_damaged_settings_of_a_sample_are_an_error_with_a_cure(tmp_path: Path) -> None:
    file = tmp_path / "sample_devkit.json"
    prepared(tmp_path, 2)
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(ConfigError, match=r"sample_devkit\.json is damaged; remove it to use the existing sample"):
        prepared(tmp_path, 2)
    file.unlink()
    prepared(tmp_path, 2)
