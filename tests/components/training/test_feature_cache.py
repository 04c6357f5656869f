"""Training on stored features: the same result as without, whatever happened to the files before."""

from __future__ import annotations

import dataclasses
import shutil
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from etils import epath

from components.networks import create_network
from components.networks.frozen_part import split_network
from components.training import feature_files
from components.training.config import TrainingConfig
from components.training.feature_cache import KEPT, CachedFeatures, FeatureCache, versions_per_image
from components.training.image_batches import ImageBatches
from components.training.loop import train
from components.training.resumption import TrainingFolder
from tests.components.networks.tiny_network import TINY_WITH_BACKBONE
from tests.conftest import CLASSES, IMAGE_SIZE, TRAIN_IMAGES, VAL_IMAGES
from tfds_voc_seg.labels import VOID
from tfds_voc_seg.records.files import Records

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


TRAINING: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 4,
    "frozen_blocks": 1,
    "optimizer": "sgd",  # Adam would enlarge the rounding errors of gradients that are almost 0
    "learning_rate": 0.05,
    "augmentation": {"scale": [0.5, 2.0], "brightness": 0.2},
    "ema_momentum": 0.5,
}
BATCHES = 2 + 2 * 3
"""Of 5 val images and twice of 10 train images."""


class Killed(BaseException):
    """Simulates a kill."""


def network(records: Records, weights: float = 1.0) -> keras.Model:
    whole = create_network(TINY_WITH_BACKBONE, image_size=IMAGE_SIZE, num_classes=len(records.class_names))
    whole.get_layer("conv0").set_weights([weights * array for array in whole.get_layer("conv0").get_weights()])
    return whole


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FeatureCache]:
    """Makes a cache with one batch per part, which appends the numbers of the computed batches to a list."""
    monkeypatch.setattr(feature_files, "PART_BYTES", 1)

    def make(computed: list[int], kill_at: int | None = None) -> FeatureCache:
        def on_batch(done: int, total: int, size: int) -> None:
            assert total == BATCHES
            assert size > 0
            if done == kill_at:
                raise Killed
            computed.append(done)

        return FeatureCache(tmp_path / "features", "code", on_batch)

    return make


@pytest.fixture
def complete(records: Records, cache: Callable[..., FeatureCache]) -> Callable[..., list[int]]:
    """Completes the cache for a network with the given factor on its weights; returns the computed batches."""

    def run(weights: float = 1.0, kill_at: int | None = None) -> list[int]:
        keras.utils.set_random_seed(0)
        whole = network(records, weights)
        for name in whole.backbone_blocks[0]:
            whole.get_layer(name).trainable = False
        computed: list[int] = []
        config = TrainingConfig(**TRAINING, cached_images=20)
        cache(computed, kill_at).complete(split_network(whole).frozen, ImageBatches.of_records(records, config))
        return computed

    return run


def test_results_are_the_same_with_and_without_stored_features(
    records: Records, cache: Callable[..., FeatureCache], tmp_path: Path
) -> None:
    def run(folder: str, computed: list[int], kill_at: int | None = None, **settings: Any) -> Any:
        whole, result = train(
            lambda: network(records),
            records,
            TrainingConfig(**TRAINING, **settings, pixel_stride=2),
            tf.distribute.get_strategy(),
            epath.Path(tmp_path / folder / "run"),
            TrainingFolder(tmp_path / folder / "state"),
            lambda *_: None,
            cache(computed, kill_at),
        )
        return whole.get_weights(), result.history

    plain, plain_history = run("plain", [])
    with pytest.raises(Killed):  # in the first version, after two val batches and two others
        run("cached", [], kill_at=5, cached_images=20)
    computed: list[int] = []
    cached, history = run("cached", computed, cached_images=20)
    assert computed == [5, 6, 7, 8]  # not those before the kill
    assert history["val_mean_iou"] == pytest.approx(plain_history["val_mean_iou"], abs=0.02)
    assert history["loss"] == pytest.approx(plain_history["loss"], rel=1e-3)
    for one, other in zip(plain, cached, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-3)  # float16


def test_damaged_files_are_computed_again(complete: Callable[..., list[int]], tmp_path: Path) -> None:
    assert complete() == list(range(1, BATCHES + 1))
    assert complete() == []
    (part,) = (tmp_path / "features").glob("*/train-1/00001.npy")
    intact = part.read_bytes()
    part.write_bytes(intact[:-1])
    assert complete() == [6, 7, 8]  # the sequence of the part
    assert part.read_bytes() == intact


def test_other_weights_have_other_features_and_old_ones_are_removed(
    complete: Callable[..., list[int]], tmp_path: Path
) -> None:
    for weights in (1.0, 2.0, 3.0):
        assert len(complete(weights)) == BATCHES
    assert len([place for place in (tmp_path / "features").iterdir() if place.is_dir()]) == KEPT
    assert complete(2.0) == []
    assert len(complete(1.0)) == BATCHES


def test_features_are_computed_again_only_if_something_changes_that_they_depend_on(
    records: Records, tmp_path: Path
) -> None:
    whole = network(records)
    for name in whole.backbone_blocks[0]:
        whole.get_layer(name).trainable = False
    frozen = split_network(whole).frozen

    def are_computed(used: Records = records, code: str = "code", **settings: Any) -> bool:
        computed: list[int] = []
        cache = FeatureCache(tmp_path / "features", code, lambda done, *_: computed.append(done))
        config = TrainingConfig(**{**TRAINING, "cached_images": 1, **settings})
        cache.complete(frozen, ImageBatches.of_records(used, config))
        return bool(computed)

    def with_train_files(*files: str) -> Records:
        return dataclasses.replace(records, files={**records.files, "train": list(files)})

    copies = [str(shutil.copy(file, tmp_path)) for file in records.files["train"]]
    assert are_computed()
    assert not are_computed(learning_rate=1.0, epochs=9, class_weights="median_frequency", weight_decay=0.5)
    assert not are_computed(with_train_files(*copies))
    changes: list[dict[str, Any]] = [
        {"used": with_train_files(*records.files["val"])},
        {"code": "changed"},
        {"seed": 1},
        {"augmentation": {"scale": [0.5, 1.5]}},
        {"batch_size": 5},
        {"pixel_stride": 2},
    ]
    for change in changes:
        assert are_computed(**change), change
        assert not are_computed()  # so that the cache keeps the first features, of the two sets that it keeps


def test_features_that_are_not_finite_are_rejected(complete: Callable[..., list[int]]) -> None:
    with pytest.raises(ValueError, match=r"not finite in float16.*remove training.cached_images"):
        complete(float("nan"))


def test_a_full_disk_is_named_before_the_work(
    complete: Callable[..., list[int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ValueError, match=r"cached_images: the features need 0.0 GB in .* lower it"):
        complete()


def test_each_epoch_has_each_image_once_in_another_order() -> None:
    row = feature_files.row_type((2, 2), [(1, 1, 1)])
    padded = 12
    rows = np.zeros(padded, row)
    rows["features0"][:, 0, 0, 0] = range(padded)
    rows["classes"][TRAIN_IMAGES:] = VOID
    sequence = feature_files.FeatureRows([rows[:8], rows[8:]], 8)
    config = TrainingConfig(**{**TRAINING, "epochs": 4, "cached_images": 1})
    records = Records({}, CLASSES, 2)
    images = ImageBatches(records, config, TRAIN_IMAGES, VAL_IMAGES, None)
    cached = CachedFeatures({"val": sequence, "train-0": sequence}, images)

    def epoch(number: int) -> list[float]:
        batches = list(cached.training(range(number, number + 1)))
        for (photos, _), _ in batches:
            assert photos.shape == (4, 2, 2, 3)
        assert (batches[-1][1][2:].numpy() == VOID).all()
        return [float(value) for (_, features), _ in batches for value in features[:, 0, 0, 0]]

    first, second, third = epoch(0), epoch(1), epoch(2)
    assert first == sorted(first)
    assert second == epoch(1)
    assert first != second != third
    for order in (second, third):
        assert sorted(order[:TRAIN_IMAGES]) == first[:TRAIN_IMAGES]
    both = [float(value) for (_, features), _ in cached.training(range(1, 3)) for value in features[:, 0, 0, 0]]
    assert both == second + third


@pytest.mark.parametrize(("cached_images", "epochs", "versions"), [(5, 9, 1), (29, 9, 2), (100, 9, 9), (100, 3, 3)])
def test_versions_follow_from_the_number_of_images(cached_images: int, epochs: int, versions: int) -> None:
    config = TrainingConfig(**{**TRAINING, "epochs": epochs, "cached_images": cached_images})
    assert versions_per_image(config, TRAIN_IMAGES) == versions
