"""The references do the same work as the project's own code, so that the ratios mean something."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import benchmarks
from benchmarks.measuring.data import write_records
from benchmarks.reference import augmented_batches, bare_evaluation, codecs_alone, records
from components.metrics.counts import pixel_counts
from tfds_voc_seg.class_maps import class_map
from tfds_voc_seg.devkit.pairs import read_mask
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.record_config import RecordConfig
from tfds_voc_seg.records.decoding import image_and_class_map

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE, CLASSES = 32, ("person", "dog")
shapes = st.tuples(st.integers(1, 90), st.integers(1, 90))


@given(st.data(), shapes)
def test_pixels_are_counted_as_in_the_evaluation(data: st.DataObject, shape: tuple[int, int]) -> None:
    blocks = arrays.arrays(np.uint8, (shape[0] // 8 + 1, shape[1] // 8 + 1), elements=st.sampled_from([0, 1, 2, 255]))

    def drawn() -> NDArray[np.uint8]:
        return np.kron(data.draw(blocks), np.ones((8, 8), np.uint8))[: shape[0], : shape[1]]

    truth, predicted = drawn(), drawn() % 255
    np.testing.assert_array_equal(
        bare_evaluation.pixel_counts(truth, predicted, 3), pixel_counts(truth, predicted, num_classes=3)
    )


def test_records_and_masks_are_read_as_by_the_project(devkit: Path, tmp_path: Path) -> None:
    config, pairs = RecordConfig(SIZE, CLASSES), read_splits(devkit)["val"].pairs[:4]
    file = tmp_path / "records"
    write_records(file, pairs, config, 6)
    images, classes = records.read_arrays(file, SIZE, 3)
    assert images.shape == (6, SIZE, SIZE, 3)
    for index, record in enumerate(tf.data.TFRecordDataset(str(file))):
        image, truth = image_and_class_map(record, SIZE, 3)
        np.testing.assert_array_equal(images[index], image)
        np.testing.assert_array_equal(classes[index], truth)
    for pair in pairs:
        ours = class_map(read_mask(pair, config.labels), config)
        np.testing.assert_array_equal(bare_evaluation.read_class_map(pair.mask, CLASSES), ours)

    plain = augmented_batches.batches(file, SIZE, 3, batch=2, augment=False)
    changed = augmented_batches.batches(file, SIZE, 3, batch=2, augment=True)
    for batches in (list(plain), list(changed)):
        assert [(image.shape, maps.shape) for image, maps in batches] == 3 * [((2, SIZE, SIZE, 3), (2, SIZE, SIZE))]
        assert {int(value) for _, maps in batches for value in np.unique(maps)} <= {0, 1, 2, 255}
    assert codecs_alone.encode_all([(pair.photo, pair.mask) for pair in pairs], SIZE, 21, 1) > 4 * SIZE


def test_the_references_use_nothing_of_the_project_but_constants() -> None:
    allowed = {"VOC_CLASSES", "VOID", "voc_palette"}
    for file in (Path(benchmarks.__file__).parent / "reference").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                assert not any(name.name.startswith(("tfds_voc_seg", "components", "pipeline")) for name in node.names)
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                ("tfds_voc_seg", "components", "pipeline")
            ):
                assert {name.name for name in node.names} <= allowed, file.name
