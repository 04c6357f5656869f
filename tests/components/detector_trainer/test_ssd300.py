"""SSD300 compared with its sources, and its parts: default boxes, matching, loss and detections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.detector_trainer import default_boxes as boxes_module
from components.detector_trainer.default_boxes import decode, default_boxes, encode, to_centres, to_corners
from components.detector_trainer.detections import DETECTIONS_PER_IMAGE, NMS_OVERLAP, detect, per_image
from components.detector_trainer.losses import NEGATIVES_PER_POSITIVE, MultiboxLoss, hard_negatives
from components.detector_trainer.matching import MIN_OVERLAP, match, pairwise_iou, targets
from components.detector_trainer.ssd300 import source_grids, ssd300

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

# Rows, columns and channels, from the paper's figure 2 and the deploy.prototxt of the authors' VGG_VOC0712_SSD_300x300.
PAPERS_LAYERS = {
    "block4_conv3": (38, 38, 512),
    "conv4_3_norm": (38, 38, 512),
    "block5_pool": (19, 19, 512),
    "fc6": (19, 19, 1024),
    "fc7": (19, 19, 1024),
    "conv6_1": (19, 19, 256),
    "conv6_2": (10, 10, 512),
    "conv7_1": (10, 10, 128),
    "conv7_2": (5, 5, 256),
    "conv8_1": (5, 5, 128),
    "conv8_2": (3, 3, 256),
    "conv9_1": (3, 3, 128),
    "conv9_2": (1, 1, 256),
}
PAPERS_BOXES = {
    "conv4_3_norm": 38 * 38 * 4,
    "fc7": 19 * 19 * 6,
    "conv6_2": 10 * 10 * 6,
    "conv7_2": 5 * 5 * 6,
    "conv8_2": 3 * 3 * 4,
    "conv9_2": 4,
}


@st.composite
def random_boxes(draw: st.DrawFn, most: int = 6) -> NDArray[Any]:
    number = draw(st.integers(1, most))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    top_left = random.uniform(0, 0.9, (number, 2))
    bottom_right = top_left + random.uniform(0.02, 1, (number, 2)) * (1 - top_left)
    return np.concatenate([top_left, bottom_right], axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return ssd300(num_classes=21)


def test_layers_and_parameters_are_those_of_the_paper(network: keras.Model) -> None:
    for name, shape in PAPERS_LAYERS.items():
        assert network.get_layer(name).output.shape[1:] == shape, name
    for name, boxes in PAPERS_BOXES.items():
        assert network.get_layer(f"{name}_mbox_loc_boxes").output.shape[1:] == (boxes, 4)
        assert network.get_layer(f"{name}_mbox_conf_boxes").output.shape[1:] == (boxes, 21)
    assert network.output_shape == (None, 8732, 25)
    # Open Model Zoo reports 26.285 million for the authors' Caffe model (docs.openvino.ai, model ssd300).
    assert network.count_params() == 26_285_486
    fc6, pool5 = network.get_layer("fc6"), network.get_layer("block5_pool")
    assert (fc6.kernel_size, fc6.dilation_rate) == ((3, 3), (6, 6))
    assert (pool5.pool_size, pool5.strides) == ((3, 3), (1, 1))


@pytest.mark.parametrize("image_size", [64, 75, 96, 128, 160, 200, 300])
def test_every_size_has_a_default_box_for_each_prediction(image_size: int) -> None:
    network = ssd300(num_classes=3, image_size=image_size, width=0.02, batch_normalization=True)
    defaults = default_boxes(image_size)
    scores = network(np.zeros((2, image_size, image_size, 3), np.float32))
    assert scores.shape == (2, len(defaults), 7)
    assert [len(block) for block in network.backbone_blocks] == [4, 4, 6, 6, 6]


def test_a_too_small_image_is_refused() -> None:
    with pytest.raises(ValueError, match="64 pixels or more, not 50"):
        ssd300(num_classes=3, image_size=50)


def test_default_boxes_are_those_of_caffe() -> None:
    boxes = 300 * default_boxes(300).astype(np.float64)
    assert boxes.shape == (8732, 4)
    assert source_grids(300) == (38, 19, 10, 5, 3, 1)
    starts = np.cumsum([0, *PAPERS_BOXES.values()])[:-1]
    # The boxes of each source's first cell, from min_sizes, max_sizes and steps of ssd_pascal.py.
    sizes, steps = [30, 60, 111, 162, 213, 264, 315], [8, 16, 32, 64, 100, 300]
    for index, start in enumerate(starts):
        np.testing.assert_allclose(boxes[start, :2], steps[index] / 2, rtol=1e-5)
        np.testing.assert_allclose(boxes[start, 2:], sizes[index], rtol=1e-5)
        np.testing.assert_allclose(boxes[start + 1, 2:], np.sqrt(sizes[index] * sizes[index + 1]), rtol=1e-5)
        wide = sizes[index] * np.sqrt([2, 1 / 2])
        np.testing.assert_allclose(boxes[start + 2 : start + 4, 2:], [wide, wide[::-1]], rtol=1e-5)
    np.testing.assert_allclose(boxes[4, :2], [12, 4], rtol=1e-5)  # the next cell in the row


@settings(max_examples=50)
@given(random_boxes())
def test_decode_is_the_inverse_of_encode(boxes: NDArray[Any]) -> None:
    random = np.random.default_rng(len(boxes))
    defaults = default_boxes(96)[random.integers(0, 800, len(boxes))]
    np.testing.assert_allclose(decode(encode(boxes, defaults), defaults), boxes, atol=1e-5)
    np.testing.assert_allclose(to_corners(to_centres(boxes)), boxes, atol=1e-6)


def test_offsets_are_scaled_by_the_variances() -> None:
    defaults = np.array([[0.5, 0.5, 0.2, 0.4]], np.float32)
    box = np.array([[0.34, 0.42, 0.74, 0.62]], np.float32)  # shifted by 0.02 and 0.04, same size
    np.testing.assert_allclose(encode(box, defaults), [[1.0, 1.0, 0.0, 0.0]], atol=1e-5)
    assert boxes_module.VARIANCES.tolist() == pytest.approx([0.1, 0.1, 0.2, 0.2])


@settings(max_examples=50)
@given(random_boxes(), random_boxes())
def test_iou_is_that_of_painted_boxes(boxes: NDArray[Any], others: NDArray[Any]) -> None:
    boxes, others = (np.round(values * 40) / 40 for values in (boxes, others))

    def painted(box: NDArray[Any]) -> NDArray[Any]:
        picture = np.zeros((40, 40), bool)
        top, left, bottom, right = np.round(box * 40).astype(int)
        picture[top:bottom, left:right] = True
        return picture

    for row, box in zip(pairwise_iou(boxes, others).numpy(), boxes, strict=True):
        for iou, other in zip(row, others, strict=True):
            both, either = (painted(box) & painted(other)).sum(), (painted(box) | painted(other)).sum()
            assert iou == pytest.approx(both / either if either else 0, abs=1e-4)


@settings(max_examples=50)
@given(random_boxes())
def test_each_object_and_each_overlapping_default_box_is_matched(boxes: NDArray[Any]) -> None:
    overlaps = pairwise_iou(boxes, to_corners(default_boxes(64))).numpy()
    matched = match(tf.constant(overlaps)).numpy()
    assert set(matched) - {-1} == set(range(len(boxes)))  # each object has at least one default box
    for box, number in enumerate(matched):
        if overlaps[:, box].max() >= MIN_OVERLAP:
            assert number >= 0
        elif number >= 0:  # its overlap is small: it was the best remaining default box for the object
            better = overlaps[number] > overlaps[number, box]
            assert all(matched[other] not in (-1, number) for other in np.flatnonzero(better))


def test_objects_with_the_same_best_default_box_get_different_boxes() -> None:
    overlaps = tf.constant([[0.3, 0.2, 0.0], [0.4, 0.1, 0.0]])
    assert match(overlaps).numpy().tolist() == [1, 0, -1]
    assert match(tf.zeros([0, 3])).numpy().tolist() == [-1, -1, -1]


@settings(max_examples=30)
@given(random_boxes())
def test_targets_decode_to_the_objects(boxes: NDArray[Any]) -> None:
    defaults = default_boxes(64)
    labels = np.arange(1, len(boxes) + 1)
    target = targets(tf.constant(boxes), tf.constant(labels), defaults).numpy()
    positive = target[:, 4] > 0
    assert set(target[positive, 4]) == set(labels)
    expected = boxes[target[positive, 4].astype(int) - 1]
    np.testing.assert_allclose(decode(target[positive, :4], defaults[positive]), expected, atol=1e-4)
    assert not target[~positive].any()


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(0, 8))
def test_the_negatives_with_the_highest_loss_are_selected(seed: int, positives: int) -> None:
    random = np.random.default_rng(seed)
    losses = random.random((1, 20)).astype(np.float32)
    positive = np.zeros((1, 20), bool)
    positive[0, random.permutation(20)[:positives]] = True
    picked = hard_negatives(tf.constant(losses), tf.constant(positive)).numpy()
    assert picked.sum() == min(NEGATIVES_PER_POSITIVE * positives, 20 - positives)
    assert not (picked & positive).any()
    left = ~picked & ~positive
    if picked.any() and left.any():
        assert losses[picked].min() >= losses[left].max()


def test_the_loss_of_a_small_example() -> None:
    # Two classes: one positive whose offsets are wrong by 0.5 and 2, then negatives with increasing scores.
    y_true = np.zeros((1, 6, 5), np.float32)
    y_true[0, 0] = [0.5, -2.0, 0.0, 0.0, 1.0]
    y_pred = np.zeros((1, 6, 6), np.float32)
    y_pred[0, :, 5] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]

    def negative(score: float) -> float:
        return float(np.log1p(np.exp(score)))

    expected = np.log(2) + sum(map(negative, (3.0, 4.0, 5.0))) + 0.5**2 / 2 + (2 - 0.5)
    assert float(MultiboxLoss()(y_true, y_pred)) == pytest.approx(expected, rel=1e-5)
    assert float(MultiboxLoss()(np.zeros_like(y_true), y_pred)) == 0.0


@settings(max_examples=20)
@given(random_boxes(most=3))
def test_perfect_predictions_are_decoded_to_the_objects(boxes: NDArray[Any]) -> None:
    defaults = default_boxes(64)
    target = targets(tf.constant(boxes), tf.constant([1, 2, 3][: len(boxes)]), defaults).numpy()
    scores = 12 * np.eye(4, dtype=np.float32)[target[:, 4].astype(int)]
    (found,) = per_image(*detect(tf.constant(np.concatenate([target[:, :4], scores], axis=1)[None]), defaults))
    assert sorted(found.labels) == [1, 2, 3][: len(boxes)]
    np.testing.assert_allclose(found.boxes[np.argsort(found.labels)], boxes, atol=1e-4)
    assert (np.diff(found.scores) <= 0).all()


def test_only_boxes_of_the_same_class_suppress_each_other() -> None:
    defaults = default_boxes(64)
    predicted = np.random.default_rng(0).normal(0, 1, (1, len(defaults), 7)).astype(np.float32)
    boxes, scores, labels, count = detect(tf.constant(predicted), defaults)
    assert boxes.shape == (1, DETECTIONS_PER_IMAGE, 4)
    (found,) = per_image(boxes, scores, labels, count)
    overlaps = pairwise_iou(found.boxes, found.boxes).numpy()
    np.fill_diagonal(overlaps, 0)
    same_class = found.labels[:, None] == found.labels[None]
    assert set(found.labels) == {1, 2}
    assert overlaps[same_class].max() <= NMS_OVERLAP + 0.2  # boxes are clipped to the image after the suppression
    assert overlaps[~same_class].max() > NMS_OVERLAP
