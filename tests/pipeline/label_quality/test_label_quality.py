"""`vocseg data check --model` finds damaged masks with a model that knows the classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from pipeline import cli
from pipeline.commands.terminal import EXIT_FAILED, EXIT_USAGE
from pipeline.label_quality import ranking as ranking_module
from pipeline.label_quality.ranking import MaskRanking
from pipeline.prediction.segmenter import load_segmenter
from tests.conftest import CLASSES
from tests.field_devkit import FIELD, write_field_devkit
from tests.pipeline.label_quality.conftest import export_oracle
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.label_set import VOC_LABELS
from tfds_voc_seg.labels import VOC_CLASSES, VOID
from tfds_voc_seg.record_config import RecordConfig

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tfds_voc_seg.devkit.folders import Pair


def mask_of(pair: Pair) -> NDArray[np.uint8]:
    with Image.open(pair.mask) as mask:
        return np.asarray(mask)


def change_class(pair: Pair, old: str, new: str) -> None:
    """Replaces a class in a mask."""
    mask = mask_of(pair)
    changed = np.where(mask == VOC_CLASSES.index(old), VOC_CLASSES.index(new), mask).astype(np.uint8)
    Image.fromarray(changed).save(pair.mask)


def largest_class(pair: Pair) -> str:
    pixels = np.bincount(mask_of(pair).ravel(), minlength=256)
    pixels[[0, VOID]] = 0
    return VOC_CLASSES[int(pixels.argmax())]


def damage(devkit: Path) -> dict[str, tuple[str, str]]:
    """Swaps a class in one mask and removes an object from two; returns image id → in mask, in photo."""
    listings = read_splits(devkit)
    swapped, missing, missing_in_val = listings["train"].pairs[1], listings["train"].pairs[4], listings["val"].pairs[2]
    shown = {pair.image_id: largest_class(pair) for pair in (swapped, missing, missing_in_val)}
    present = {VOC_CLASSES[value] for value in np.unique(mask_of(swapped)) if value != VOID}
    other = next(name for name in CLASSES if name not in present)
    change_class(swapped, shown[swapped.image_id], other)
    change_class(missing, shown[missing.image_id], "background")
    change_class(missing_in_val, shown[missing_in_val.image_id], "background")
    wrong = {swapped.image_id: other, missing.image_id: "background", missing_in_val.image_id: "background"}
    return {image_id: (wrong[image_id], shown[image_id]) for image_id in shown}


def test_damaged_masks_are_at_the_top(painted_devkit: Path, oracle: Path) -> None:
    before = MaskRanking(load_segmenter(oracle), painted_devkit, VOC_LABELS).rank(1)
    highest = max((mask.disagreement for masks in before.values() for mask in masks), default=0.0)
    damaged = damage(painted_devkit)
    ranked = MaskRanking(load_segmenter(oracle), painted_devkit, VOC_LABELS).rank(3)
    for image_id, (in_mask, shown) in damaged.items():
        (found,) = (mask for mask in ranked[shown] if mask.pair.image_id == image_id)
        assert (found.in_mask, found.predicted) == (in_mask, shown)
        assert found.disagreement > max(0.5, 2 * highest)
        better = ranked[shown][: ranked[shown].index(found)]
        assert {mask.pair.image_id for mask in better} <= set(damaged)
    swapped, (other, shown) = next(iter(damaged.items()))
    (found,) = (mask for mask in ranked[other] if mask.pair.image_id == swapped)
    assert (found.in_mask, found.predicted) == (other, shown)
    assert {mask.pair.image_id for mask in ranked[other][: ranked[other].index(found)]} <= set(damaged)


@pytest.mark.slow
def test_a_damaged_mask_of_a_label_set_of_ones_own_is_found(tmp_path: Path) -> None:
    write_field_devkit(tmp_path / "field")
    records = RecordConfig(40, labels=FIELD)
    oracle = export_oracle(tmp_path / "oracle", records, np.array(records.channels.colors, np.uint8))
    pair = read_splits(tmp_path / "field")["val"].pairs[1]
    with Image.open(pair.mask) as mask:
        colours = np.array(mask)
    crop, weed = (FIELD.colors[FIELD.names.index(name)] for name in ("crop", "weed"))
    colours[(colours == crop).all(axis=-1)] = weed
    Image.fromarray(colours).save(pair.mask)
    ranked = MaskRanking(load_segmenter(oracle), tmp_path / "field", FIELD).rank(1)
    (found,) = ranked["crop"]
    assert (found.pair, found.split, found.in_mask, found.predicted) == (pair, "val", "weed", "crop")


def test_few_images_are_enough_for_the_thresholds(
    painted_devkit: Path, oracle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = damage(painted_devkit)
    monkeypatch.setattr(ranking_module, "THRESHOLD_IMAGES", 4)
    ranked = MaskRanking(load_segmenter(oracle), painted_devkit, VOC_LABELS).rank(1)
    assert {masks[0].pair.image_id for masks in ranked.values() if masks} & set(damaged)


def test_large_photos_are_made_smaller(painted_devkit: Path, oracle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking_module, "LONGER_SIDE", 40)
    ranking = MaskRanking(load_segmenter(oracle), painted_devkit, VOC_LABELS)
    compared = ranking.compare(read_splits(painted_devkit)["train"].pairs[0])
    assert compared is not None
    assert max(compared.truth.shape) == 40
    assert compared.photo.shape[:2] == compared.truth.shape == compared.predicted.shape
    assert compared.probabilities.shape[:2] == compared.truth.shape


def test_the_command_prints_and_draws_the_ranking(
    painted_devkit: Path, oracle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = damage(painted_devkit)
    output = tmp_path / "doubted"
    command = ["data", "check", str(painted_devkit), "--model", str(oracle), "--top", "2", "--output", str(output)]
    assert cli.main(command) == 0
    printed = capsys.readouterr().out
    for image_id, (in_mask, shown) in damaged.items():
        lines = [line.split() for line in printed.splitlines() if image_id in line]
        assert any(words[0] == shown and words[-2:] == [in_mask, shown] for words in lines)
        (row,) = (
            row
            for row in map(json.loads, (output / "label_quality.jsonl").read_text().splitlines())
            if row["image_id"] == image_id
        )
        assert row["disagreement"][shown] > 0.5
        (picture,) = (output / shown).glob(f"0?_*_{image_id}.png")
        with Image.open(picture) as image:
            assert image.width > 3 * image.height
    listed = sum(len(listing.pairs) for listing in read_splits(painted_devkit).values())
    assert len((output / "label_quality.jsonl").read_text().splitlines()) == listed

    assert cli.main(command) == EXIT_USAGE  # the folder is not empty
    assert "is not empty" in capsys.readouterr().err


def test_invalid_pairs_are_reported_and_left_out(
    painted_devkit: Path, oracle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = read_splits(painted_devkit)["train"].pairs[0]
    Path(pair.mask).write_bytes(b"no picture")
    assert cli.main(["data", "check", str(painted_devkit), "--model", str(oracle)]) == EXIT_FAILED
    printed = capsys.readouterr().out
    assert "cannot be read as a mask" in printed
    assert "doubt" in printed


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--output", "pictures"], EXIT_USAGE, "--output needs --model"),
        (["--model", "nowhere"], EXIT_FAILED, "nowhere"),
    ],
)
def test_wrong_options_are_one_line(
    arguments: list[str], status: int, message: str, own_devkit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["data", "check", str(own_devkit), *arguments]) == status
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
