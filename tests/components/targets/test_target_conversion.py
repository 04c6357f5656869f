"""SavedModels as targets: the runtimes compute the scores of the SavedModel, with built-in operations alone."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.networks import create_network
from components.networks.alignment import BilinearUpsampling
from components.networks.vgg16 import vgg16_input
from components.saved_model.export import export_saved_model, with_flip_averaging
from components.saved_model.model_digest import model_digest
from components.targets.export import export_target
from components.targets.names import TARGETS, TargetName
from components.targets.target_folder import TargetError, read_target
from components.training.background_classes import with_background_merged
from tests.components.saved_model.small_model import DESCRIPTION, NAMES, SIZE, export_small_model, small_network

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

IMAGES = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "fcn8-vgg16": ("fcn8", {"width": 0.125, "fully_connected_channels": 8}),
    "fcn8-mobilenet": ("fcn8", {"backbone": "mobilenet", "alpha": 0.25}),
    "fcn8-mobilenet_v2": ("fcn8", {"backbone": "mobilenet_v2", "alpha": 0.35, "fully_connected_channels": 4}),
    "fcn8-efficientnet_lite0": ("fcn8", {"backbone": "efficientnet_lite0"}),
    "fcn8-resnet50_v2": ("fcn8", {"backbone": "resnet50_v2"}),
    "fcn4": ("fcn4", {"backbone": "mobilenet", "alpha": 0.25}),
    "fcn16": ("fcn16", {"backbone": "mobilenet", "alpha": 0.25}),
    "fcn32": ("fcn32", {"width": 0.125, "fully_connected_channels": 8, "image_pooling": True}),
    "unet": ("unet", {"width": 4}),
    "unet-mobilenet": ("unet", {"width": 4, "backbone": "mobilenet", "alpha": 0.25}),
    "deeplab_v3_plus": ("deeplab_v3_plus", {"backbone": "mobilenet", "alpha": 0.25, "channels": 8}),
}


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_small_model(tmp_path_factory.mktemp("small") / "model")


def scores_of_saved_model(folder: Path) -> NDArray[np.float32]:
    model = tf.saved_model.load(str(folder))
    scores: NDArray[np.float32] = model.signatures["score_images"](images=tf.constant(IMAGES))["scores"].numpy()
    return scores


def scores_of_target(folder: Path) -> NDArray[np.float32]:
    """Runs a target as a program of others would, by its description."""
    found = read_target(folder)
    images, scores, batch = found.target.input, found.target.output, found.target.batch
    assert (images.dtype, scores.dtype) == ("uint8", "float32")
    if found.target.format == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(found.file), providers=["CPUExecutionProvider"])
        run: Any = lambda part: session.run([scores.name], {images.name: part})[0]  # noqa: E731
    else:
        run = litert_runner(str(found.file), images.name, scores.name, batch or len(IMAGES))
    result = np.concatenate([run(part) for part in np.split(IMAGES, len(IMAGES) if batch == 1 else 1)])
    assert result.shape[1:] == scores.shape[1:]
    return result


def litert_runner(file: str, images: str, scores: str, batch: int) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=file)
    interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], [batch, *IMAGES.shape[1:]])
    runner = interpreter.get_signature_runner()
    return lambda part: runner(**{images: part})[scores]


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_computes_the_scores_of_its_saved_model(target: TargetName, saved_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "target"
    export_target(saved_model, target, folder, representative=[*IMAGES])
    found = read_target(folder)
    assert found.target.saved_model == model_digest(saved_model)
    assert found.target.output.shape == (1, SIZE, SIZE, len(NAMES))
    assert re.search(f"resize to {SIZE} × {SIZE} pixels", " ".join(found.target.caller))
    expected = scores_of_saved_model(saved_model)
    tolerance = {"litert_float16": 1e-3, "litert_int8": 0.05}.get(target, 1e-5) * float(np.ptp(expected))
    np.testing.assert_allclose(scores_of_target(folder), expected, atol=tolerance)


def test_int8_upsamples_bilinearly(tmp_path: Path) -> None:
    images = keras.Input((SIZE, SIZE, 3))
    features = keras.layers.Conv2D(len(NAMES), 4, strides=4, kernel_initializer=keras.initializers.RandomNormal(seed=1))
    scores = BilinearUpsampling(4)(features(keras.layers.Rescaling(1 / 127.5, offset=-1)(images)))
    export_saved_model(keras.Model(images, scores), DESCRIPTION, tmp_path / "model")
    export_target(tmp_path / "model", "litert_int8", tmp_path / "target", representative=[*IMAGES])
    expected = scores_of_saved_model(tmp_path / "model")
    np.testing.assert_allclose(scores_of_target(tmp_path / "target"), expected, atol=0.05 * float(np.ptp(expected)))


def test_int8_keeps_colours_mirrored_images_and_small_probabilities(tmp_path: Path) -> None:
    images = keras.Input((SIZE, SIZE, 3))
    features = keras.layers.Conv2D(
        len(NAMES) + 3, 4, strides=4, kernel_initializer=keras.initializers.RandomNormal(stddev=0.5, seed=1)
    )
    scores = BilinearUpsampling(4)(features(vgg16_input(images, batch_normalization=True)))
    network = with_flip_averaging(with_background_merged(keras.Model(images, scores), len(NAMES)))
    export_saved_model(network, DESCRIPTION, tmp_path / "model")
    export_target(tmp_path / "model", "litert_int8", tmp_path / "target", representative=[*IMAGES])
    expected, found = scores_of_saved_model(tmp_path / "model"), scores_of_target(tmp_path / "target")
    likely = expected > math.log(0.001)
    np.testing.assert_allclose(found[likely], expected[likely], atol=0.3)


@pytest.mark.parametrize("target", ["litert", "onnx"])
def test_a_target_can_take_any_number_of_images(target: TargetName, saved_model: Path, tmp_path: Path) -> None:
    export_target(saved_model, target, tmp_path / "target", batch=None)
    assert read_target(tmp_path / "target").target.batch is None
    np.testing.assert_allclose(scores_of_target(tmp_path / "target"), scores_of_saved_model(saved_model), atol=1e-5)


def test_the_card_travels_with_the_target(saved_model: Path, tmp_path: Path) -> None:
    (saved_model / "assets.extra").mkdir()
    (saved_model / "assets.extra/model_card.md").write_text("# A model")
    export_target(saved_model, "litert", tmp_path / "target")
    assert (tmp_path / "target/model_card.md").read_text() == "# A model"
    assert sorted(path.name for path in (tmp_path / "target").iterdir()) == [
        "model.tflite",
        "model_card.md",
        "segmentation.json",
    ]


def test_int8_needs_representative_images(saved_model: Path, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="litert_int8 needs representative images"):
        export_target(saved_model, "litert_int8", tmp_path / "target")
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("target", ["litert", "onnx"])
def test_what_a_runtime_cannot_compute_is_refused_with_the_operation(target: TargetName, tmp_path: Path) -> None:
    images = keras.Input((SIZE, SIZE, 3))
    scores = keras.layers.Lambda(lambda pixels: tf.math.digamma(pixels + 1))(images)
    description = dataclasses.replace(DESCRIPTION, class_names=("a", "b", "c"))
    export_saved_model(keras.Model(images, scores), description, tmp_path / "model")
    with pytest.raises(TargetError, match=rf"cannot be converted to {target}: .*Digamma") as caught:
        export_target(tmp_path / "model", target, tmp_path / "target")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("target", ["litert", "onnx"])
def test_a_model_that_averages_with_the_mirrored_photo_becomes_a_target(target: TargetName, tmp_path: Path) -> None:
    export_saved_model(with_flip_averaging(small_network()), DESCRIPTION, tmp_path / "model")
    export_target(tmp_path / "model", target, tmp_path / "target")
    np.testing.assert_allclose(
        scores_of_target(tmp_path / "target"), scores_of_saved_model(tmp_path / "model"), atol=1e-4
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_all_networks_become_targets(name: str, tmp_path: Path) -> None:
    network, options = NETWORKS[name]
    keras.utils.set_random_seed(1)
    model = create_network(network, image_size=SIZE, num_classes=len(NAMES), **options)
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if "score" in layer.name:  # otherwise zero
            layer.set_weights([rng.normal(size=weight.shape) for weight in layer.get_weights()])
    if name == "fcn4":
        model = with_flip_averaging(model)
    export_saved_model(model, DESCRIPTION, tmp_path / "model")
    expected = scores_of_saved_model(tmp_path / "model")
    assert np.ptp(expected) > 0
    for target, batch in (("litert", 1), ("litert", None), ("litert_float16", 1), ("litert_int8", 1), ("onnx", None)):
        folder = tmp_path / f"{target}-{batch}"
        export_target(tmp_path / "model", target, folder, batch=batch, representative=[*IMAGES])  # type: ignore[arg-type]
        scores = scores_of_target(folder)
        if target in ("litert", "onnx"):
            np.testing.assert_allclose(scores, expected, atol=1e-4 * float(np.ptp(expected)))
