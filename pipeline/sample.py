"""The embedded sample as a run's devkit."""

from __future__ import annotations

from components.progress import Progress
from pipeline.config import SAMPLE_DEVKIT, RunConfig
from pipeline.display import Display
from tfds_voc_seg.sample_devkit import write_sample_devkit


def prepare_sample(config: RunConfig, display: Display) -> None:
    """Draws the sample where the configuration asks for it and it is not there yet.

    A sample that is there is left as it is: it is the user's to change.
    """
    if config.data.devkit != SAMPLE_DEVKIT or config.devkit_folder.exists():
        return
    config.output_folder.mkdir(parents=True, exist_ok=True)
    with display.live():
        write_sample_devkit(
            config.devkit_folder,
            train_images=config.sample.train_images,
            val_images=config.sample.val_images,
            seed=config.sample.seed,
            on_image=lambda done, total: display.progress(Progress("drawing the sample devkit", done, total)),
        )
