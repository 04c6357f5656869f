"""The batches of images of one training: which records, how they are cropped, and which pixels count."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from components.training.background_classes import learned_class_pixels, make_decoder
from components.training.cropping import DEFAULT_RARE_CROPS, RandomCrop, count_windows
from components.training.input_pipeline import count_records, evaluation_batches, every_nth_pixel, training_batches
from tfds_voc_seg.records.files import TRAIN_SPLIT, VAL_SPLIT, Records

if TYPE_CHECKING:
    import tensorflow as tf

    from components.training.config import TrainingConfig


@dataclasses.dataclass(frozen=True)
class ImageBatches:
    """Makes the batches of a training and its validation, see `input_pipeline`.

    Attributes:
        records: with the splits train and val.
        config: how to train.
        train_images: the number of images per epoch.
        val_images: the number of images, or of windows of images, of the validation.
        crop: the crops to train on; `None` if the records' images have the network's size.
    """

    records: Records
    config: TrainingConfig
    train_images: int
    val_images: int
    crop: RandomCrop | None

    @classmethod
    def of_records(cls, records: Records, config: TrainingConfig) -> ImageBatches:
        """Counts the images of the records."""
        crop, val_files = _random_crop(records, config), records.files[VAL_SPLIT]
        val_images = count_records(val_files) if crop is None else count_windows(val_files, records.geometry)
        return cls(records, config, count_records(records.files[TRAIN_SPLIT]), val_images, crop)

    def training(self, epochs: range, context: tf.distribute.InputContext | None = None) -> tf.data.Dataset:
        """Makes the training batches of consecutive epochs, counted from 0; for one worker with a context."""
        batches = training_batches(
            self.records.files[TRAIN_SPLIT],
            make_decoder(self.records, self.config),
            batch_size=self.config.batch_size,
            augmentation=self.config.augmentation,
            seed=self.config.seed,
            epochs=epochs,
            records=self.train_images,
            crop=self.crop,
            context=context,
        )
        return every_nth_pixel(batches, self.config.pixel_stride)

    def validation(self, context: tf.distribute.InputContext | None = None) -> tf.data.Dataset:
        """Makes the batches of the validation; for one worker with a context."""
        batches = evaluation_batches(
            self.records.files[VAL_SPLIT],
            make_decoder(self.records, self.config),
            batch_size=self.config.batch_size,
            records=self.val_images,
            windows=None if self.crop is None else self.crop.sides,
            context=context,
        )
        return every_nth_pixel(batches, self.config.pixel_stride)


def _random_crop(records: Records, config: TrainingConfig) -> RandomCrop | None:
    if records.geometry.resize != "crop":
        return None
    rare = config.augmentation.rare_crops
    pixels = learned_class_pixels(records, config)
    return RandomCrop(records.geometry.sides, pixels, DEFAULT_RARE_CROPS if rare is None else rare)
