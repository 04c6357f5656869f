"""Training on real records: resumption after a kill, early stopping, freezing, precision, several workers."""

from __future__ import annotations

import csv
import functools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from etils import epath

from components.networks import create_network
from components.run_files import CURVES_FILE, HISTORY_CSV, HISTORY_JSON, STATE_FILE, TENSORBOARD_FOLDER
from components.training.config import TrainingConfig
from components.training.input_pipeline import evaluation_batches
from components.training.loop import TrainingResult, train
from components.training.loss_config import LOSSES
from components.training.metrics import TrainingMetrics
from components.training.resumption import TrainingFolder
from tests.components.networks.tiny_network import TINY, TINY_WITH_BACKBONE
from tests.conftest import VAL_IMAGES
from tfds_voc_seg.records.decoding import image_and_class_map

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tfds_voc_seg.records.files import Records

OPTIONS: dict[str, Any] = {"width": 4, "depth": 1, "dropout": 0.3, "batch_normalization": True}
TRAINING: dict[str, Any] = {
    "epochs": 4,
    "batch_size": 4,
    "learning_rate": 0.01,
    "augmentation": {"scale": [0.5, 2.0], "brightness": 0.2},
}


class Killed(BaseException):
    """Simulates a kill in tests that run in the test's own process."""


@pytest.fixture
def run(records: Records, tmp_path: Path) -> Callable[..., tuple[Any, TrainingResult]]:
    def start(
        folder: str = "a",
        kill_at: int | None = None,
        network: str = "unet",
        options: dict[str, Any] = OPTIONS,
        **settings: Any,
    ) -> tuple[Any, TrainingResult]:
        steps = 0

        def on_step(*_: Any) -> None:
            nonlocal steps
            steps += 1
            if steps == kill_at:
                raise Killed

        return train(
            lambda: create_network(
                network, image_size=records.image_size, num_classes=len(records.class_names), **options
            ),
            records,
            TrainingConfig(**{**TRAINING, **settings}),
            tf.distribute.get_strategy(),
            epath.Path(tmp_path / folder / "run"),
            TrainingFolder(tmp_path / folder / "state"),
            on_step,
        )

    return start


@pytest.mark.parametrize("ema_momentum", [None, pytest.param(0.9, marks=pytest.mark.slow)])
def test_a_resumed_training_equals_an_uninterrupted_one(run: Any, tmp_path: Path, ema_momentum: float | None) -> None:
    settings: dict[str, Any] = {"network": TINY, "options": {}, "ema_momentum": ema_momentum}
    network, result = run("whole", **settings)
    for kill_at in (6, 3):  # in the second epoch; then, after the resumption, in the third
        with pytest.raises(Killed):
            run("killed", kill_at=kill_at, **settings)
    assert TrainingFolder(tmp_path / "killed/state").read().epochs in (1, 2)  # type: ignore[union-attr]
    resumed, resumed_result = run("killed", **settings)
    assert resumed_result.history == result.history
    for one, other in zip(network.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    # A finished training is not repeated.
    again, again_result = run("killed", kill_at=1, **settings)
    assert again_result.history == result.history
    np.testing.assert_array_equal(again.get_weights()[0], network.get_weights()[0])
    events = list((tmp_path / "killed/run" / TENSORBOARD_FOLDER).rglob("events.*"))
    assert events


def test_the_state_of_an_epoch_is_written_beside_the_next_epoch(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second_epoch, write = threading.Event(), TrainingFolder.write

    def write_later(folder: TrainingFolder, variables: Any, history: Any, **options: Any) -> None:
        assert len(history["loss"]) > 1 or second_epoch.wait(60)
        write(folder, variables, history, **options)

    monkeypatch.setattr(TrainingFolder, "write", write_later)
    starts = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, _: second_epoch.set() if epoch else None)
    monkeypatch.setattr("components.training.callbacks.SamplePredictions", lambda *_: starts)
    settings: dict[str, Any] = {"network": TINY, "options": {}, "epochs": 2}
    _, result = run(**settings)
    state = TrainingFolder(tmp_path / "a/state").read()
    assert state is not None
    assert state.history == result.history
    assert state.finished


def test_the_average_of_the_weights_is_validated_and_exported(run: Any, records: Records) -> None:
    settings: dict[str, Any] = {"network": TINY, "options": {"dropout": 0.0, "batch_normalization": False}, "epochs": 2}
    plain, _ = run("plain", **settings)
    averaged, result = run("averaged", **settings, ema_momentum=0.5)
    assert any(not np.array_equal(*pair) for pair in zip(plain.get_weights(), averaged.get_weights(), strict=True))
    decode = functools.partial(image_and_class_map, image_size=records.image_size, channels=len(records.class_names))
    batches = evaluation_batches(records.files["val"], decode, batch_size=4, records=VAL_IMAGES)
    metrics = TrainingMetrics(records.class_names)
    for images, classes in batches:
        metrics.update_state(classes, averaged(tf.cast(images, tf.float32), training=False))
    assert float(metrics.result()["mean_iou"]) == pytest.approx(max(result.history["val_mean_iou"]), abs=1e-6)


def test_the_history_is_written_as_json_csv_and_picture(run: Any, records: Records, tmp_path: Path) -> None:
    _, result = run(network=TINY, options={}, epochs=2)
    folder = tmp_path / "a/run"
    history = json.loads((folder / HISTORY_JSON).read_text(), parse_constant=lambda name: pytest.fail(name))
    assert set(history) == set(result.history)
    assert {f"val_iou_{name}" for name in records.class_names} < set(history)
    rows = list(csv.DictReader((folder / HISTORY_CSV).open()))
    assert [float(row["val_mean_iou"]) for row in rows] == pytest.approx(history["val_mean_iou"])
    assert (folder / CURVES_FILE).read_bytes().startswith(b"\x89PNG")
    tags = {
        value.tag
        for file in (folder / TENSORBOARD_FOLDER).rglob("events.*")
        for event in tf.compat.v1.train.summary_iterator(str(file))
        for value in event.summary.value
    }
    assert {"truth and prediction", "epoch_loss"} <= tags


@pytest.mark.slow
def test_early_stopping_counts_epochs_before_a_resumption(run: Any) -> None:
    settings: dict[str, Any] = {"epochs": 12, "early_stopping_patience": 2, "learning_rate": 1e-12}
    settings |= {"augmentation": {"horizontal_flip": False}, "network": TINY, "options": {}}
    _, whole = run("whole", **settings)
    epochs = len(whole.history["loss"])
    assert epochs < 12
    with pytest.raises(Killed):
        run(
            "killed", kill_at=4 * (epochs - 1) + 1, **settings
        )  # an epoch calls on_step for three steps and once at its end
    _, resumed = run("killed", **settings)
    assert len(resumed.history["loss"]) == epochs


@pytest.mark.parametrize(
    ("network", "options", "frozen"),
    [
        (TINY_WITH_BACKBONE, {}, 1),
        pytest.param("fcn8", {"backbone": "mobilenet", "alpha": 0.25}, 2, marks=pytest.mark.slow),
    ],
)
def test_frozen_blocks_keep_their_weights(run: Any, network: str, options: dict[str, Any], frozen: int) -> None:
    trained, _ = run(network=network, options=options, epochs=1, frozen_blocks=frozen)
    variables = {layer.name: layer.trainable_variables for layer in trained.layers}
    blocks = trained.backbone_blocks
    assert not any(variables[name] for block in blocks[:frozen] for name in block)
    assert any(variables[name] for name in blocks[frozen])
    with pytest.raises(ValueError, match=f"frozen_blocks is 9, but the network lists {len(blocks)} backbone blocks"):
        run("other", network=network, options=options, epochs=1, frozen_blocks=9)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"precision": "float16"}, marks=pytest.mark.slow),
        pytest.param({"xla": True}, marks=pytest.mark.slow),
        {"loss": {"cross_entropy": 1, "lovasz_softmax": 1}, "class_weights": "median_frequency"},
        {"precision": "bfloat16", "loss": "focal", "optimizer": "sgd", "schedule": "poly", "clip_norm": 1.0},
    ],
    ids=str,
)
def test_a_training_learns_under_every_setting(run: Any, settings: dict[str, Any]) -> None:
    _, result = run(epochs=3, augmentation={}, **settings)
    assert result.history["loss"][-1] < result.history["loss"][0]


@pytest.fixture
def settings_file(records: Records, tmp_path: Path) -> Callable[..., str]:
    def write(
        kill_at: int | None = None, devices: int | None = None, options: dict[str, Any] = OPTIONS, **training: Any
    ) -> str:
        path = tmp_path / f"settings{kill_at}_{devices}.json"
        settings = {
            "files": records.files,
            "class_names": records.class_names,
            "image_size": records.image_size,
            "training": {**TRAINING, **training},
            "options": options,
            "kill_at": kill_at,
            "devices": devices,
        }
        path.write_text(json.dumps(settings))
        return str(path)

    return write


def start(settings: str, folder: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.components.training.training_process", settings, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1", **environment},
    )


def finish(process: subprocess.Popen[str]) -> None:
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output[-3000:]


def weights(folder: Path) -> Iterator[np.ndarray]:
    with np.load(folder / "result.npz") as stored:
        yield from (stored[name] for name in stored.files)


@pytest.mark.slow
def test_ten_kills_at_random_times_do_not_change_the_result(settings_file: Any, tmp_path: Path) -> None:
    settings = settings_file(epochs=8)
    finish(start(settings, tmp_path / "whole"))
    times = random.Random(0)
    for kill in range(10):
        folder = tmp_path / f"killed{kill}"
        process = start(settings, folder)
        deadline = time.monotonic() + 120
        while not (folder / "state" / STATE_FILE).exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(times.uniform(0, 1.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not (folder / "result.npz").exists()
        finish(start(settings, folder))
        for one, other in zip(weights(tmp_path / "whole"), weights(folder), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.slow  # each loss by itself: test_losses.py
def test_two_devices_train_to_the_weights_of_one(settings_file: Any, tmp_path: Path) -> None:
    """12 steps of all losses in float32, without batch normalisation and dropout, which are computed per device."""
    options = {"width": 4, "depth": 1, "dropout": 0.0}
    for devices in (None, 2):
        settings = settings_file(devices=devices, options=options, loss=dict.fromkeys(LOSSES, 1.0))
        finish(start(settings, tmp_path / str(devices)))
    for one, two in zip(weights(tmp_path / "None"), weights(tmp_path / "2"), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)


@pytest.mark.slow
def test_two_workers_train_like_one(settings_file: Any, tmp_path: Path) -> None:
    """Without batch normalisation and dropout, which each worker computes for its own half of the batch."""
    options = {"width": 4, "depth": 1, "dropout": 0.0}
    settings = settings_file(options=options, loss=dict.fromkeys(LOSSES, 1.0))
    finish(start(settings, tmp_path / "one"))
    with socket.socket() as one, socket.socket() as other:
        for sock in (one, other):
            sock.bind(("localhost", 0))
        workers = [f"localhost:{sock.getsockname()[1]}" for sock in (one, other)]
    processes = [
        start(
            settings,
            tmp_path / "two",
            TF_CONFIG=json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}),
        )
        for index in range(2)
    ]
    for process in processes:
        finish(process)
    histories = [json.loads((tmp_path / name / "run" / HISTORY_JSON).read_text()) for name in ("one", "two")]
    for metric in ("loss", "val_loss", "val_mean_iou"):
        assert histories[1][metric] == pytest.approx(histories[0][metric], abs=1e-3)
