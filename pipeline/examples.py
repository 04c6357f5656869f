"""Draws examples of a devkit or of a prepared dataset as a network sees them: the work of `vocseg data show`."""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.display.devkit_report import counted
from pipeline.display.library_output import import_tensorflow_silently
from tfds_voc_seg.devkit.folders import find_devkit
from tfds_voc_seg.devkit.label_sets import devkit_labels
from tfds_voc_seg.devkit.splits import read_split
from tfds_voc_seg.disk_errors import write_problem
from tfds_voc_seg.image_size import sides_of
from tfds_voc_seg.label_set_files import read_label_set
from tfds_voc_seg.record_config import RecordConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tfds_voc_seg.geometry import Resize
    from tfds_voc_seg.image_size import ImageSize
    from tfds_voc_seg.label_set import LabelSet

    Picture = NDArray[np.uint8]
    Example = tuple[str, Picture, Picture]
    """Image id, image [height, width, 3], class map [height, width]."""

DATASET = "voc_seg"
"""The dataset's name in TFDS."""

DEFAULT_IMAGE_SIZE = 300
LARGEST_IMAGE_SIZE = 4096

_TFDS_SPLITS = {"train": "train", "val": "validation", "test": "test"}
"""VOC's name of a split → the dataset's name of it."""


class ExamplesError(ValueError):
    """The examples cannot be shown; the message says why and what to do."""


def write_example_pictures(
    source: str,
    output: Path,
    *,
    warn: Callable[[str], None],
    count: int = 12,
    split: str = "train",
    image_size: ImageSize | None = None,
    resize: Resize | None = None,
    short_side: int | None = None,
    classes: Sequence[str] | None = None,
    labels: str | None = None,
    force: bool = False,
) -> int:
    """Writes one picture per example: the resized photo, the mask over the photo, and a legend.

    All examples are read before the first picture is written.

    Args:
        source: a devkit folder, or the name of a dataset that TFDS has prepared, such as `voc_seg/person_dog_128`. TFDS
            looks for it in `TFDS_DATA_DIR`, or in its default folder if that variable is not set.
        output: gets the pictures, as `<image id>.png`; created if it does not exist.
        warn: called with a message for each pair of the devkit that cannot be used.
        count: the number of examples, from the beginning of the split; fewer if the split has fewer.
        split: `"train"`, `"val"` or `"test"`.
        image_size: only for a devkit: size of the examples in pixels, 300 by default.
        resize: only for a devkit: how photos get that size, stretched by default. With `crop` whole photos are shown,
            of which training takes crops.
        short_side: only for a devkit and `crop`, see `RecordConfig.short_side`.
        classes: only for a devkit: the foreground classes to keep. Images without any of them are skipped. By
            default all classes and all images.
        labels: only for a devkit: the file of its label set; by default the devkit's own.
        force: overwrite existing pictures.

    Returns:
        The number of pictures; 0 if the split has no such example.

    Raises:
        ExamplesError: an argument is invalid, the dataset is not prepared or damaged, or a picture exists already.
        DevkitError: the source is not a usable devkit.
        ValueError: a class is unknown.
        OSError: a file cannot be read or written.
    """
    if count < 1 or split not in _TFDS_SPLITS:
        raise ExamplesError(f"show at least one example, of {' or '.join(_TFDS_SPLITS)}")
    channels, examples = _open_examples(source, split, image_size, resize, short_side, classes, labels, warn)
    chosen = {
        f"{Path(image_id).name}.png": (image, class_map)
        for image_id, image, class_map in itertools.islice(examples, count)
    }
    try:
        existing = [name for name in chosen if (output / name).exists()]
        if existing and not force:
            raise ExamplesError(f"{output} already holds {', '.join(existing)}; --force overwrites")
        _write_pictures(chosen, output, channels)
    except OSError as error:
        raise OSError(write_problem(error, output)) from error
    return len(chosen)


def _write_pictures(examples: Mapping[str, tuple[Picture, Picture]], output: Path, channels: LabelSet) -> None:
    from PIL import Image

    from tfds_voc_seg.pictures import example_picture

    if examples:
        output.mkdir(parents=True, exist_ok=True)
    for name, (image, class_map) in examples.items():
        Image.fromarray(example_picture(image, class_map, channels)).save(output / name)


def _open_examples(
    source: str,
    split: str,
    image_size: ImageSize | None,
    resize: Resize | None,
    short_side: int | None,
    classes: Sequence[str] | None,
    labels: str | None,
    warn: Callable[[str], None],
) -> tuple[LabelSet, Iterator[Example]]:
    """Opens a devkit or a prepared dataset.

    Returns:
        The mask's channels, and an iterator that reads the examples one by one.
    """
    if re.match(rf"{DATASET}([/:]|$)", source):
        if any(setting is not None for setting in (image_size, resize, short_side, classes, labels)):
            raise ExamplesError(
                f"{source} has its own image size and classes; "
                "--image-size, --resize, --short-side, --classes and --labels are for a devkit"
            )
        return _prepared_dataset(source, split)
    if not Path(source).exists():
        raise ExamplesError(
            f"{source} is neither a folder nor the name of a prepared dataset, such as {DATASET}/person_dog_128"
        )
    size = DEFAULT_IMAGE_SIZE if image_size is None else image_size
    for side in sides_of(size):
        if not 1 <= side <= LARGEST_IMAGE_SIZE:
            raise ExamplesError(f"an image size of {side} is not in 1 to {LARGEST_IMAGE_SIZE}")
    devkit = find_devkit(source)
    config = RecordConfig(
        size,
        None if classes is None else tuple(classes),
        drop_empty=classes is not None,
        resize=resize or "stretch",
        short_side=short_side,
        labels=devkit_labels(devkit) if labels is None else read_label_set(labels),
    )
    return config.channels, _devkit_examples(devkit, split, config, warn)


def _devkit_examples(devkit: Path, split: str, config: RecordConfig, warn: Callable[[str], None]) -> Iterator[Example]:
    """Encodes and decodes the pairs of a devkit as the pipeline does; skips the pairs that cannot be used."""
    import_tensorflow_silently()
    import tensorflow as tf

    from tfds_voc_seg.devkit.folders import PairError
    from tfds_voc_seg.records.decoding import class_map_from_one_hot, parse_record
    from tfds_voc_seg.records.encoding import PairEncoder

    listing = read_split(devkit, split)
    if listing.problems:
        warn(f"{split}.txt has {counted(len(listing.problems), 'problem')}: see `vocseg data check`")
    encode = PairEncoder(config)
    for pair in listing.pairs:
        try:
            record = encode(pair)
        except PairError as error:
            warn(f"skipped: {error}")
            continue
        if record is not None:
            image, mask = parse_record(tf.constant(record), config.record_size, len(config.class_names))
            yield pair.image_id, image.numpy(), class_map_from_one_hot(mask).numpy()


def _prepared_dataset(name: str, split: str) -> tuple[LabelSet, Iterator[Example]]:
    """Opens a dataset that TFDS has on disk, with any configuration name; never prepares one."""
    import_tensorflow_silently()
    import tensorflow as tf
    from tensorflow_datasets.core import read_only_builder, registered

    from tfds_voc_seg.records.decoding import class_map_from_one_hot
    from tfds_voc_seg.records.features import channels_of

    try:
        builder = read_only_builder.builder_from_files(name, data_dir=os.environ.get("TFDS_DATA_DIR"))
    except registered.DatasetNotFoundError as error:
        folder = os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")
        raise ExamplesError(
            f"{name} is not prepared in {folder} (TFDS_DATA_DIR names another folder); prepare it by: "
            f"import tfds_voc_seg; tfds.load({name!r})"
        ) from error
    except ValueError as error:
        raise ExamplesError(f"{name} is not a dataset name of TFDS; a valid one is {DATASET}/person_dog_128") from error

    if _TFDS_SPLITS[split] not in builder.info.splits:
        raise ExamplesError(f"{name} has no {split} split; it has {', '.join(builder.info.splits)}")

    def examples() -> Iterator[Example]:
        try:
            for example in builder.as_dataset(split=_TFDS_SPLITS[split]):
                class_map = class_map_from_one_hot(example["segmentation_mask"])
                yield example["filename"].numpy().decode(), example["image"].numpy(), class_map.numpy()
        except tf.errors.OpError as error:
            raise ExamplesError(f"{name} cannot be read; prepare it again: {error.message}") from error

    return channels_of(builder.info), examples()
