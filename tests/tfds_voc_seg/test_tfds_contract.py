"""TFDS's own checks of a dataset builder, with a drawn devkit instead of stored dummy data."""

from __future__ import annotations

import tempfile
from pathlib import Path

import tensorflow_datasets as tfds

from tfds_voc_seg import voc_seg_dataset_builder
from tfds_voc_seg.sample.devkit import write_sample_devkit


class VocSegTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = voc_seg_dataset_builder.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ("voc2012_128", "voc2012_original")
    SPLITS = {"train": 5, "validation": 2}  # noqa: RUF012 (TFDS's own form)
    SKIP_CHECKSUMS = True  # nothing is downloaded: the devkit is in `manual_dir`

    @classmethod
    def setUpClass(cls) -> None:
        cls._scratch = tempfile.TemporaryDirectory()
        cls.EXAMPLE_DIR = Path(cls._scratch.name) / "dummy_data"
        write_sample_devkit(cls.EXAMPLE_DIR, train_images=5, val_images=2)
        super().setUpClass()

    @classmethod
    def tearDownClass(cls) -> None:
        super().tearDownClass()
        cls._scratch.cleanup()
