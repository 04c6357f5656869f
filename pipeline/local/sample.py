"""The embedded sample as a run's devkit."""

from __future__ import annotations

from components.progress import Progress
from components.run_files import SAMPLE_SETTINGS_FILE
from pipeline.config.problems import ConfigError
from pipeline.config.schema import SAMPLE_DEVKIT, RunConfig, SampleConfig
from pipeline.display.live import Display
from pipeline.places import devkit_folder
from tfds_voc_seg.sample.devkit import write_sample_devkit


def prepare_sample(config: RunConfig, display: Display) -> None:
    """Draws the sample where the configuration asks for it and it is not there yet.

    A sample that is there is left as it is: its files are the user's to change.

    Raises:
        ConfigError: the sample that is there was drawn with other settings.
    """
    if config.data.devkit != SAMPLE_DEVKIT:
        return
    settings_file = config.output_folder / SAMPLE_SETTINGS_FILE
    if devkit_folder(config).exists():
        drawn = SampleConfig.model_validate_json(settings_file.read_text()) if settings_file.exists() else config.sample
        if drawn != config.sample:
            raise ConfigError(
                f"sample: {devkit_folder(config)} was drawn with {_in_words(drawn)}, not with "
                f"{_in_words(config.sample)}; remove that folder to draw it anew, or name another --output"
            )
        return
    config.output_folder.mkdir(parents=True, exist_ok=True)
    settings_file.write_text(config.sample.model_dump_json())
    with display.live():
        write_sample_devkit(
            devkit_folder(config),
            train_images=config.sample.train_images,
            val_images=config.sample.val_images,
            seed=config.sample.seed,
            on_image=lambda done, total: display.progress(Progress("drawing the sample devkit", done, total)),
        )
    display.print(f"drew the sample: {_in_words(config.sample)}")


def _in_words(sample: SampleConfig) -> str:
    return ", ".join(f"{name} {value}" for name, value in sample.model_dump().items())
