"""Draws the embedded sample as the devkit of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.progress import Progress
from components.run_files import SAMPLE_SETTINGS_FILE
from pipeline.config.data import SAMPLE_DEVKIT, SampleConfig
from pipeline.config.problems import ConfigError
from pipeline.places import devkit_folder
from tfds_voc_seg.sample.devkit import write_sample_devkit
from tfds_voc_seg.storage import write_text_whole

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.config.schema import RunConfig
    from pipeline.display.live import Display


def prepare_sample(config: RunConfig, display: Display) -> None:
    """Draws the sample into the output folder, if the run uses it.

    An existing sample is not changed: the user may have edited its files.

    Raises:
        ConfigError: the existing sample was drawn with other settings, or the file with its settings is damaged.
    """
    if config.data.devkit != SAMPLE_DEVKIT:
        return
    devkit = devkit_folder(config)
    settings_file = config.output_folder / SAMPLE_SETTINGS_FILE
    if devkit.exists():
        drawn = _read_settings(settings_file) if settings_file.exists() else config.sample
        if drawn != config.sample:
            raise ConfigError(
                f"sample: {devkit} was drawn with {_settings_text(drawn)}, not with {_settings_text(config.sample)}; "
                "remove that folder to draw it again, or name another --output"
            )
        return
    config.output_folder.mkdir(parents=True, exist_ok=True)
    write_text_whole(settings_file, config.sample.model_dump_json())
    with display.live():
        write_sample_devkit(
            devkit,
            train_images=config.sample.train_images,
            val_images=config.sample.val_images,
            seed=config.sample.seed,
            on_image=lambda done, total: display.progress(Progress("drawing the sample devkit", done, total)),
        )
    display.print(f"drew the sample: {_settings_text(config.sample)}")


def _read_settings(file: Path) -> SampleConfig:
    try:
        return SampleConfig.model_validate_json(file.read_bytes())
    except ValueError as error:
        raise ConfigError(
            f"sample: {file} is damaged; remove it to use the existing sample, or remove the sample as well to draw it "
            "again"
        ) from error


def _settings_text(sample: SampleConfig) -> str:
    return ", ".join(f"{name} {value}" for name, value in sample.model_dump().items())
