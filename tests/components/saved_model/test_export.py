"""The exported SavedModel: the outputs of every signature, precision, devices, loading without this project."""

from __future__ import annotations

import collections
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from components.networks import create_network
from components.saved_model.export import export_saved_model
from tests.components.saved_model.small_model import DESCRIPTION, FILES, JPEG, NAMES, SIZE, small_network
from tests.conftest import CLASSES
from tfds_voc_seg.devkit.folders import Pair
from tfds_voc_seg.labels import VOID
from tfds_voc_seg.photos import decode_photo, resize_photo
from tfds_voc_seg.record_config import RecordConfig
from tfds_voc_seg.records.decoding import class_map_from_one_hot, parse_record
from tfds_voc_seg.records.encoding import PairEncoder

if TYPE_CHECKING:
    from pathlib import Path

    import keras


def test_a_batch_can_mix_formats_and_sizes(model: Any, network: keras.Model) -> None:
    answer = model.signatures["serving_default"](image_bytes=tf.constant(FILES))
    images = tf.stack([resize_photo(decode_photo(tf.constant(file)), SIZE) for file in FILES])
    expected = network(tf.cast(images, tf.float32), training=False)
    assert (answer["class_map"].dtype, answer["scores"].dtype) == (tf.uint8, tf.float32)
    assert answer["class_map"].shape == (len(FILES), SIZE, SIZE)
    np.testing.assert_allclose(answer["scores"], expected, atol=1e-4)
    np.testing.assert_array_equal(answer["class_map"], np.argmax(answer["scores"], axis=-1))
    assert len(np.unique(answer["class_map"])) > 2  # the network distinguishes pixels


def test_the_other_signatures_for_encoded_images(model: Any) -> None:
    answer = model.signatures["serving_default"](image_bytes=tf.constant(FILES))
    alone = model.signatures["class_map"](image_bytes=tf.constant(FILES))
    assert list(alone) == ["class_map"]
    np.testing.assert_array_equal(alone["class_map"], answer["class_map"])
    probabilities = model.signatures["probabilities"](image_bytes=tf.constant(FILES))["probabilities"].numpy()
    assert probabilities.dtype == np.float32
    exponentials = np.exp(answer["scores"].numpy())
    np.testing.assert_allclose(probabilities, exponentials / exponentials.sum(axis=-1, keepdims=True), atol=1e-5)


def test_photos_records_and_decoded_images_get_the_same_classes(model: Any, devkit: Path) -> None:
    ids = (devkit / "ImageSets/Segmentation/val.txt").read_text().split()
    photos = [devkit / f"JPEGImages/{image_id}.jpg" for image_id in ids]
    encode = PairEncoder(RecordConfig(SIZE, CLASSES))
    records = [
        encode(Pair(image_id, str(photo), str(devkit / f"SegmentationClass/{image_id}.png")))
        for image_id, photo in zip(ids, photos, strict=True)
    ]
    parsed = [parse_record(tf.constant(record), SIZE, len(NAMES)) for record in records]
    answer = model.signatures["segment_examples"](examples=tf.constant(records))
    label = np.stack([class_map_from_one_hot(mask) for _, mask in parsed])
    assert VOID in label
    np.testing.assert_array_equal(answer["label"], label)
    assert answer["label"].dtype == answer["class_map"].dtype == tf.uint8
    encoded = tf.constant([photo.read_bytes() for photo in photos])
    for same in (
        model.signatures["segment_images"](images=tf.stack([image for image, _ in parsed])),
        model.signatures["serving_default"](image_bytes=encoded),
    ):
        np.testing.assert_array_equal(answer["class_map"], same["class_map"])


def test_class_maps_have_the_size_of_the_decoded_images(model: Any) -> None:
    images = tf.zeros((2, 50, 70, 3), tf.uint8)
    assert model.signatures["segment_images"](images=images)["class_map"].shape == (2, 50, 70)


def _check_empty_batches(model: Any) -> None:
    shapes: dict[str, tuple[int, ...]] = {"class_map": (0, SIZE, SIZE), "label": (0, SIZE, SIZE)}
    shapes |= dict.fromkeys(("scores", "probabilities"), (0, SIZE, SIZE, len(NAMES)))
    for name in ("serving_default", "class_map", "probabilities", "segment_examples"):
        for output, values in model.signatures[name](tf.constant([], tf.string)).items():
            assert values.shape == shapes[output]
    empty = model.signatures["segment_images"](images=tf.zeros((0, 5, 6, 3), tf.uint8))
    assert empty["class_map"].shape == (0, 5, 6)


def test_the_answer_to_an_empty_batch_is_empty(model: Any) -> None:
    _check_empty_batches(model)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("unet", {"width": 4, "depth": 1, "batch_normalization": True}),
        pytest.param(
            "fcn8",
            {"width": 0.125, "fully_connected_channels": 0, "batch_normalization": True},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_networks_accept_an_empty_batch(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    """For an empty batch, oneDNN's convolution returns the channels of its input, and the next layer would fail."""
    network = create_network(name, image_size=SIZE, num_classes=len(NAMES), **options)
    export_saved_model(network, DESCRIPTION, tmp_path / "1")
    _check_empty_batches(tf.saved_model.load(str(tmp_path / "1")))


@pytest.mark.parametrize("policy", [pytest.param("mixed_float16", marks=pytest.mark.slow), "mixed_bfloat16"])
def test_outputs_are_float32_under_mixed_precision(policy: str, tmp_path: Path) -> None:
    network = small_network(policy)
    assert network.output.dtype != "float32"
    export_saved_model(network, DESCRIPTION, tmp_path / "1")
    signatures = tf.saved_model.load(str(tmp_path / "1")).signatures
    scores = signatures["serving_default"](image_bytes=tf.constant(FILES))["scores"]
    assert scores.dtype == tf.float32
    probabilities = signatures["probabilities"](image_bytes=tf.constant(FILES))["probabilities"]
    assert probabilities.dtype == tf.float32
    np.testing.assert_allclose(tf.reduce_sum(probabilities, axis=-1), 1, atol=1e-5)


def test_a_network_created_under_a_strategy_is_exported_outside_of_it(model: Any, tmp_path: Path) -> None:
    with tf.distribute.MirroredStrategy(["/cpu:0"]).scope():
        network = small_network()
    export_saved_model(network, DESCRIPTION, tmp_path / "1")
    answer = tf.saved_model.load(str(tmp_path / "1")).signatures["serving_default"](image_bytes=tf.constant(FILES))
    expected = model.signatures["serving_default"](image_bytes=tf.constant(FILES))  # the same seeds
    np.testing.assert_allclose(answer["scores"], expected["scores"], atol=1e-5)


def test_the_functions_contain_no_device(network: keras.Model, tmp_path: Path) -> None:
    with tf.device("/cpu:0"):
        export_saved_model(network, DESCRIPTION, tmp_path / "1")
    content = saved_model_pb2.SavedModel.FromString((tmp_path / "1/saved_model.pb").read_bytes())
    functions = content.meta_graphs[0].graph_def.library.function
    nodes = [node for function in functions for node in function.node_def]
    for op in ("Conv2D", "DecodeImage", "ResizeBilinear", "ArgMax", "Assert"):
        assert {node.device for node in nodes if node.op == op} == {""}


def test_each_function_is_stored_once(folder: Path) -> None:
    """Loading takes as long as there are functions, and the network is in one of them."""
    content = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    names = [function.signature.name for function in content.meta_graphs[0].graph_def.library.function]
    counted = collections.Counter(re.findall(r"^__inference_(\w+)_\d+$", "\n".join(names), re.MULTILINE))
    assert {"_score_images", "segment_encoded", "segment_images", "checked_photo", "decode"} <= set(counted)
    assert set(counted.values()) == {1}


@pytest.mark.slow  # test_model_smoke_test.py lists what a process loads that only runs a model
def test_loading_needs_only_tensorflow(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(JPEG)
    program = f"""
import sys
import tensorflow as tf
model = tf.saved_model.load({str(folder)!r})
photo = tf.io.read_file("photo.jpg")
print(model.signatures["serving_default"](image_bytes=photo[tf.newaxis])["class_map"].shape)
print([name for name in sys.modules if name.split(".")[0] in ("components", "tfds_voc_seg", "pipeline")])
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == [f"(1, {SIZE}, {SIZE})", "[]"]
