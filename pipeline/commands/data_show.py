"""`vocseg data show`: draws examples as a network will see them."""

from __future__ import annotations

import itertools
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands.terminal import EXIT_FAILED, EXIT_USAGE, counted, fail, start_tensorflow
from tfds_voc_seg.devkit.folders import find_devkit
from tfds_voc_seg.devkit.splits import SPLITS, read_splits
from tfds_voc_seg.record_config import RecordConfig, known_classes

if TYPE_CHECKING:
    import numpy as np

    Example = tuple[str, np.ndarray, np.ndarray]
    """Image id, image uint8 [height, width, 3], class map uint8 [height, width]."""

DATASET = "voc_seg"


DEFAULT_IMAGE_SIZE = 300


LARGEST_IMAGE_SIZE = 4096


_SPLIT_NAMES = {"train": "train", "val": "validation"}  # ours: TFDS's


class _ShowError(ValueError):
    """What keeps `show` from its work, for a person."""


def show(
    source: str,
    output: Path,
    *,
    count: int = 12,
    split: str = "train",
    image_size: int | None = None,
    classes: Sequence[str] | None = None,
    force: bool = False,
) -> int:
    """Writes pictures of examples as a network will see them: the photo, the mask over it, a legend.

    Nothing is written unless all can be.

    Args:
        source: a devkit folder, or the name of a prepared TFDS dataset, such as `voc_seg/person_dog_128`; it is looked
            for in `TFDS_DATA_DIR`, or where TFDS keeps its data otherwise.
        output: the folder to write `<image id>.png` into.
        count: how many, from the beginning of the split; fewer where there are fewer.
        split: `"train"` or `"val"`.
        image_size: of a devkit's examples, height and width in pixels (default: 300).
        classes: VOC's foreground classes to keep of a devkit, which leaves out images with none of them; all of VOC's
            by default.
        force: overwrite pictures that are there.

    Returns:
        The exit status: 0 done, 1 there was nothing to show or writing failed, 2 wrong arguments or files in the way.
    """
    try:
        if count < 1 or split not in _SPLIT_NAMES:
            raise _ShowError(f"show at least one example, of {' or '.join(_SPLIT_NAMES)}")
        class_names, examples = _open_examples(source, split, image_size, classes)
        chosen = {f"{Path(image_id).name}.png": arrays for image_id, *arrays in itertools.islice(examples, count)}
        existing = [name for name in chosen if (output / name).exists()]
        if existing and not force:
            raise _ShowError(f"{output} already holds {', '.join(existing)}; --force overwrites")
    except ValueError as error:
        return fail(str(error), EXIT_USAGE)
    except OSError as error:
        return fail(str(error), EXIT_FAILED)
    if not chosen:
        return fail(f"{source} has no {split} example to show", EXIT_FAILED)
    try:
        _write_pictures(chosen, output, class_names)
    except OSError as error:
        return fail(f"{output} can't be written to: {error}", EXIT_FAILED)
    print(f"{output} holds {counted(len(chosen), 'picture')} of {source}'s {split} split")  # noqa: T201
    return 0


def _write_pictures(chosen: dict[str, Any], output: Path, class_names: Sequence[str]) -> None:
    from PIL import Image

    from tfds_voc_seg.pictures import example_picture

    output.mkdir(parents=True, exist_ok=True)
    for name, (image, class_map) in chosen.items():
        Image.fromarray(example_picture(image, class_map, class_names)).save(output / name)


def _open_examples(
    source: str, split: str, image_size: int | None, classes: Sequence[str] | None
) -> tuple[Sequence[str], Iterator[Example]]:
    """Finds out what the source is.

    Returns:
        The names of the channels, and the examples, which are read one by one as they are asked for.
    """
    if re.match(rf"{DATASET}([/:]|$)", source):
        if image_size is not None or classes is not None:
            raise _ShowError(f"{source} has its own image size and classes; choose them where the source is a devkit")
        return _prepared_dataset(source, split)
    if not Path(source).exists():
        raise _ShowError(
            f"{source} is neither a folder nor the name of a prepared dataset, such as {DATASET}/person_dog_128"
        )
    size = DEFAULT_IMAGE_SIZE if image_size is None else image_size
    if not 1 <= size <= LARGEST_IMAGE_SIZE:
        raise _ShowError(f"an image size of {size} is not in 1 to {LARGEST_IMAGE_SIZE}")
    config = RecordConfig(size) if classes is None else RecordConfig(size, known_classes(classes), drop_empty=True)
    return config.class_names, _devkit_examples(find_devkit(source), split, config)


def _devkit_examples(devkit: Path, split: str, config: RecordConfig) -> Iterator[Example]:
    """Encodes and decodes a devkit's pairs as the pipeline does; says which can't be used."""
    start_tensorflow()
    import tensorflow as tf

    from tfds_voc_seg.devkit.folders import PairError
    from tfds_voc_seg.records.decoding import class_map_from_one_hot, parse_record
    from tfds_voc_seg.records.encoding import PairEncoder

    listing = read_splits(devkit, SPLITS)[split]
    if listing.problems:
        _warn(f"{split}.txt has {counted(len(listing.problems), 'problem')}: see `vocseg data check`")
    encode = PairEncoder(config)
    for pair in listing.pairs:
        try:
            record = encode(pair)
        except PairError as error:
            _warn(f"left out: {error}")
            continue
        if record is not None:
            image, mask = parse_record(tf.constant(record), config.image_size, len(config.class_names))
            yield pair.image_id, image.numpy(), class_map_from_one_hot(mask).numpy()


def _prepared_dataset(name: str, split: str) -> tuple[Sequence[str], Iterator[Example]]:
    """Opens a dataset that TFDS has on disk, whatever its configuration is called; never prepares one."""
    start_tensorflow()
    import tensorflow as tf
    from tensorflow_datasets.core import read_only_builder, registered

    from tfds_voc_seg.records.decoding import class_map_from_one_hot

    try:
        builder = read_only_builder.builder_from_files(name, data_dir=os.environ.get("TFDS_DATA_DIR"))
    except registered.DatasetNotFoundError as error:
        where = os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")
        raise _ShowError(
            f"{name} is not prepared in {where} (TFDS_DATA_DIR names another folder); prepare it by: "
            f"import tfds_voc_seg; tfds.load({name!r})"
        ) from error
    except ValueError as error:
        raise _ShowError(f"{name} is not how TFDS writes a dataset's name; one is {DATASET}/person_dog_128") from error

    def examples() -> Iterator[Example]:
        try:
            for example in builder.as_dataset(split=_SPLIT_NAMES[split]):
                class_map = class_map_from_one_hot(example["segmentation_mask"])
                yield example["filename"].numpy().decode(), example["image"].numpy(), class_map.numpy()
        except tf.errors.OpError as error:
            raise _ShowError(f"{name} can't be read; prepare it anew: {error.message}") from error

    return builder.info.features["classes"].feature.names, examples()


def _warn(message: str) -> None:
    print(f"vocseg: {message}", file=sys.stderr)  # noqa: T201
