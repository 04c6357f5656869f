"""The folder of `vocseg run --publish-weights`, and networks that start from it."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorflow as tf
import yaml

from components.networks import create_network
from components.networks.released_weights import is_release
from components.run_files import CHECKSUMS_FILE, LAYER_WEIGHTS_FILE, MODEL_CARD_FILE, PUBLICATION_FILE, SERVING_FOLDER
from components.saved_model.description import ModelDescription
from components.saved_model.export import export_saved_model, with_flip_averaging
from components.saved_model.signatures import SCORE_IMAGES_SIGNATURE
from components.training.background_classes import add_background_classes, with_background_merged
from components.training.config import TrainingConfig
from pipeline.config.loading import load_config
from pipeline.release.folder import write_release
from pipeline.release.network import ReleaseError, restore_network
from tests.served_folder import served_folder
from tfds_voc_seg.label_set import VOC_LABELS
from tfds_voc_seg.record_config import RecordConfig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import keras

SIZE = 32
RECORDS = RecordConfig(SIZE, ("person",), background_classes=True)
LEARNED = add_background_classes(RECORDS.class_names, VOC_LABELS)
OPTIONS: dict[str, Any] = {"width": 2, "depth": 1, "batch_normalization": True, "dropout": 0.5}
SUMMARY = {
    "published": "serving/1",
    "selected": "unet",
    "candidates": {"unet": {"mean_iou": 0.5, "parameters": 9}},
    "baseline": None,
    "evaluation_split": "val",
    "void": "ignore",
}


def make_unet(classes: int, **options: Any) -> keras.Model:
    return create_network("unet", image_size=SIZE, num_classes=classes, **{**OPTIONS, **options})


def release(output: Path, folder: Path, **summary: Any) -> None:
    overrides = ["data.devkit=/home/me/VOC2012", "candidates.unet.options={width: 2}"]
    config = load_config("demo", overrides=overrides, output=str(output))
    write_release(config, {**SUMMARY, **summary}, folder)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """A network with random weights, statistics of the normalisation included."""
    network, random = make_unet(len(LEARNED)), np.random.default_rng(0)
    network.set_weights([random.uniform(0.1, 1.0, weight.shape) for weight in network.get_weights()])
    return network


@pytest.fixture(scope="module")
def output(network: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's output folder, in which a model is in service that averages over flips and merges the background."""
    folder = tmp_path_factory.mktemp("run")
    training = TrainingConfig(learn_background_classes=True, flip_averaging=True).model_dump()
    training["setting_of_another_version"] = 1
    names = RECORDS.class_names
    description = ModelDescription(names, SIZE, "unet", OPTIONS, training, 9, 1.0, RECORDS)
    version = folder / SERVING_FOLDER / "1"
    exported = with_flip_averaging(with_background_merged(network, len(names)))
    export_saved_model(exported, description, version)
    (version / MODEL_CARD_FILE).parent.mkdir()
    (version / MODEL_CARD_FILE).write_text("# Model card: unet\n")
    (version / PUBLICATION_FILE).write_text('{"pushed_model": "/home/me/runs/tfx/Pusher"}')
    return folder


@pytest.fixture(scope="module")
def released(output: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("releases") / "unet"
    release(output, folder)
    return folder


@pytest.fixture
def server(released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path]]:
    """A release page on this machine: its address, and the folder that it serves."""
    served = tmp_path / "page"
    shutil.copytree(released, served)
    with served_folder(served, tmp_path / "keras", monkeypatch) as address:
        yield address, served


def assert_equal_layers(one: keras.Model, other: keras.Model, *, except_for: str = "") -> None:
    for layer in one.layers:
        if layer.name != except_for:
            for mine, theirs in zip(layer.get_weights(), other.get_layer(layer.name).get_weights(), strict=True):
                np.testing.assert_array_equal(mine, theirs)


def test_the_folder_holds_what_a_release_page_needs(output: Path, released: Path, tmp_path: Path) -> None:
    checked = subprocess.run(["sha256sum", "--check", "--strict", CHECKSUMS_FILE], cwd=released, capture_output=True)
    assert checked.returncode == 0
    assert checked.stdout.count(b": OK") == len(list(released.iterdir())) - 1 == 6
    assert json.loads((released / "figures.json").read_text()) == {
        "split": "val",
        "void": "ignore",
        "mean_iou": 0.5,
        "parameters": 9,
    }
    assert (released / "model_card.md").read_text() == "# Model card: unet\n"
    preset = yaml.safe_load((released / "preset.yaml").read_text())
    again = load_config(str(released / "preset.yaml"), devkit="/home/me/VOC2012", output=str(output))
    assert "devkit" not in preset["data"]
    assert again.candidates["unet"].options == {"width": 2}
    with tarfile.open(released / "model.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    images = tf.constant(np.random.default_rng(1).integers(0, 256, (1, SIZE, SIZE, 3), np.uint8))
    scores = [
        tf.saved_model.load(str(folder)).signatures[SCORE_IMAGES_SIGNATURE](images=images)["scores"].numpy()
        for folder in (tmp_path / "model", output / SERVING_FOLDER / "1")
    ]
    np.testing.assert_array_equal(*scores)
    text = b"".join(file.read_bytes() for file in released.iterdir()) + b"".join(
        file.read_bytes() for file in (tmp_path / "model").rglob("*") if file.is_file()
    )
    assert b"/home/me" not in text


def test_a_network_starts_from_the_folder(network: keras.Model, released: Path) -> None:
    assert is_release(str(released))
    assert_equal_layers(network, make_unet(len(LEARNED), weights=str(released)))
    other_classes = make_unet(3, weights=str(released))
    assert_equal_layers(network, other_classes, except_for="score")
    assert other_classes.output_shape[-1] == 3


def test_a_network_starts_from_a_web_address(network: keras.Model, server: tuple[str, Path]) -> None:
    address, served = server
    assert_equal_layers(network, make_unet(len(LEARNED), weights=f"{address}/"))
    (served / LAYER_WEIGHTS_FILE).unlink()  # the second time the file is in Keras' cache
    assert_equal_layers(network, make_unet(len(LEARNED), weights=address))


def test_weights_that_do_not_arrive_whole_are_refused(server: tuple[str, Path], tmp_path: Path) -> None:
    address, served = server
    file = served / LAYER_WEIGHTS_FILE
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"layers.weights.h5 cannot be downloaded: "):
        make_unet(3, weights=address)
    with pytest.raises(ValueError, match=r"layers.weights.h5 are damaged: their SHA-256 is [0-9a-f]{64}, not"):
        make_unet(3, weights=str(served))
    file.unlink()
    with pytest.raises(ValueError, match="cannot be downloaded"):
        make_unet(3, weights=address)
    (served / CHECKSUMS_FILE).write_text("<html>")
    with pytest.raises(ValueError, match=r"does not list layers.weights.h5: it is not a release"):
        make_unet(3, weights=address)
    (served / CHECKSUMS_FILE).unlink()
    with pytest.raises(
        ValueError, match=r"SHA256SUMS cannot be read \(HTTP Error 404: File not found\): name a folder"
    ):
        make_unet(3, weights=address)
    with pytest.raises(ValueError, match="need a backbone: name one with `backbone`, or for weights a release"):
        make_unet(3, weights=str(tmp_path))


def test_a_network_of_another_size_is_refused(released: Path) -> None:
    with pytest.raises(ValueError, match=r"do not fit: \d+ of \d+ layers differ, down0_conv1 first \(3×3×3×4"):
        make_unet(3, width=4, weights=str(released))


def test_a_release_needs_a_model_in_service_whose_code_is_unchanged(
    output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ReleaseError, match=r"no model is in service in .*serving, so there are no weights"):
        release(tmp_path / "empty", tmp_path / "released")
    version = output / SERVING_FOLDER / "1"
    monkeypatch.setattr("pipeline.release.network.with_flip_averaging", lambda network: network)
    with pytest.raises(ReleaseError, match=r"has changed since .* was trained|cannot be created again"):
        restore_network(version)
    with pytest.raises(ReleaseError):
        release(output, tmp_path / "released")
    assert list(tmp_path.iterdir()) == []  # nothing half-written


def own_preset(folder: Path, **training: Any) -> Path:
    """Writes the preset that the model in service was trained with, or one with other settings of the training."""
    preset = {
        "name": "own",
        "data": {"devkit": "/home/me/VOC2012", "image_size": SIZE, "classes": ["person"], "background_classes": True},
        "training": {"learn_background_classes": True, "flip_averaging": True, **training},
        "candidates": {"unet": {"network": "unet", "options": OPTIONS}},
    }
    (folder / "own.yaml").write_text(yaml.safe_dump(preset))
    return folder / "own.yaml"


def test_a_model_of_an_earlier_run_has_the_figures_of_the_comparison(output: Path, tmp_path: Path) -> None:
    config = load_config(str(own_preset(tmp_path)), output=str(output))
    write_release(config, {**SUMMARY, "published": None, "baseline": {"mean_iou": 0.25}}, tmp_path / "released")
    assert json.loads((tmp_path / "released/figures.json").read_text())["mean_iou"] == 0.25


def test_a_model_that_is_not_of_this_preset_is_refused(output: Path, tmp_path: Path) -> None:
    config = load_config(str(own_preset(tmp_path, epochs=3)), output=str(output))
    with pytest.raises(ReleaseError, match=r"this run published nothing, and .*1, the model in service, was trained w"):
        write_release(config, {**SUMMARY, "published": None}, tmp_path / "released")
    with pytest.raises(ReleaseError, match=r"serving/1 was put into service after this run: run again"):
        write_release(config, {**SUMMARY, "published": "serving/0"}, tmp_path / "released")
    assert not (tmp_path / "released").exists()
