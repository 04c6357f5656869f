"""The transfer experiment: its candidates, its figures and its page."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from etils import epath
from PIL import Image

from components.metrics.bootstrap import bootstrap_pixel_accuracy, interval
from components.metrics.counts import from_sparse, pixel_counts, scalar_metrics, to_sparse
from pipeline import cli
from pipeline.config.loading import load_config
from pipeline.config.problems import ConfigError
from pipeline.experiment.crops import border_crop, crop_window
from pipeline.experiment.figures import Arm, boundary_differences, make_arm, speedups
from pipeline.experiment.page import Experiment, experiment_page, results_as_json
from pipeline.experiment.seeds import seeded_name, with_seeds
from pipeline.experiment.stored_evaluation import evaluated_once
from pipeline.report.detector import Detector
from tfds_voc_seg.label_set import label_set_of_names
from tfds_voc_seg.labels import VOID

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ["background", "dog"]


def arm_with(name: str, curves: list[list[float]], boundary: list[float]) -> Arm:
    histories = [{"val_mean_iou": c, "val_accuracy": c, "val_loss": [1 - value for value in c]} for c in curves]
    best = [max(curve) for curve in curves]
    return Arm(name, 64, histories, best, [0.1, 0.9], best, [0.2, 0.8], boundary, best)


SCRATCH = arm_with("fcn8", [[0.1, 0.2, 0.3, 0.4, 0.5, 0.45], [0.1] * 6], [0.3, 0.2])
TRANSFER = arm_with("fcn8_transfer", [[0.3, 0.45, 0.5, 0.6, 0.6, 0.6], [0.05] * 6], [0.4, 0.2])
FCN4 = arm_with("fcn4", [[0.2] * 6, [0.3] * 6], [0.35, 0.1])


def test_there_is_one_candidate_per_seed() -> None:
    config = with_seeds(load_config("transfer_sample"), [3, 5])
    assert list(config.candidates)[:4] == ["fcn8_seed3", "fcn8_seed5", "fcn8_transfer_seed3", "fcn8_transfer_seed5"]
    assert config.candidates["unet_seed5"].training.seed == 5
    assert config.candidates["fcn8_transfer_seed3"].transfer
    plain, transferring = (config.candidates[f"{name}_seed3"] for name in ("fcn8", "fcn8_transfer"))
    assert (plain.options, plain.training) == (transferring.options, transferring.training)  # only the transfer differs
    assert seeded_name("unet", 5) in config.candidates


def test_the_presets_compare_networks_of_the_same_size() -> None:
    for preset in ("transfer_sample", "transfer_person_dog"):
        config = load_config(preset)
        assert config.candidates["fcn8"].options == config.candidates["fcn8_transfer"].options
        for name in ("width", "batch_normalization"):
            detector = getattr(config.detector, name)
            default = {"width": 1.0, "batch_normalization": False}[name]
            assert config.candidates["fcn8"].options.get(name, default) == detector


def test_a_detector_needs_boxes_and_transfer_a_detector() -> None:
    with pytest.raises(ConfigError, match=r"set data\.boxes to true"):
        load_config("demo", overrides=["detector={}"])
    with pytest.raises(ConfigError, match=r"candidates\.unet\.transfer: the run has no detector"):
        load_config("demo", overrides=["candidates.unet.transfer=true"])
    with pytest.raises(ConfigError, match=r"detector\.width"):
        load_config("transfer_sample", overrides=["detector.width=2"])


def test_comparisons_of_two_networks() -> None:
    first, second = speedups([0, 1], SCRATCH, TRANSFER)
    assert (first.final, first.reached, first.within_a_third) == (0.45, 2, True)
    assert (second.reached, second.within_a_third) == (None, False)
    assert boundary_differences(FCN4, SCRATCH) == pytest.approx([0.05, -0.1])
    assert SCRATCH.curve("val_mean_iou")[:2] == pytest.approx([0.1, 0.15])


def test_an_arm_from_an_evaluation() -> None:
    random = np.random.default_rng(0)
    truth = [random.integers(0, 2, (8, 8)).astype(np.uint8) for _ in range(5)]
    guesses = {"a_seed0": 0.1, "a_seed1": 0.3}
    rows: list[dict[str, Any]] = []
    for classes in truth:
        wrong = {name: random.random(classes.shape) < share for name, share in guesses.items()}
        counted = {name: pixel_counts(classes, np.where(w, 1 - classes, classes), 2) for name, w in wrong.items()}
        rows.append({"counts": {name: {"network": to_sparse(array)} for name, array in counted.items()}})
    candidates = {}
    for name in guesses:
        total = sum(from_sparse(row["counts"][name]["network"], 2) for row in rows)
        candidates[name] = {**scalar_metrics(np.asarray(total)), "original_size": None}
    evaluation = {"class_names": NAMES, "image_size": 8, "candidates": candidates}
    histories: dict[str, dict[str, list[float]]] = {name: {"val_mean_iou": [0.5]} for name in guesses}
    found = make_arm("a", [0, 1], histories, evaluation, rows)
    assert found.pixel_accuracy == [candidates[name]["pixel_accuracy"] for name in guesses]
    for ends, values in (
        (found.pixel_accuracy_interval, found.pixel_accuracy),
        (found.mean_iou_interval, found.mean_iou),
    ):
        assert ends is not None
        assert ends[0] < np.mean(values) < ends[1]
    assert found.original_size is None


def test_pixel_accuracy_resampled() -> None:
    confusions = np.array([[[3, 1], [0, 4]], [[0, 4], [4, 0]]])
    samples = bootstrap_pixel_accuracy(confusions)
    assert set(np.round(samples, 4)) == {
        0.0,
        0.4375,
        0.875,
    }  # the first image twice, each image once, the second image twice
    assert interval(samples) == [0.0, 0.875]


def test_a_crop_shows_wrong_pixels_at_contours(tmp_path: Path) -> None:
    truth = np.zeros((48, 48), np.uint8)
    truth[30:44, 28:44] = 1
    truth[30, 28:44] = VOID
    exact, shifted = truth.copy(), np.roll(truth, 3, axis=1)
    exact[exact == VOID] = 0
    shifted[shifted == VOID] = 0
    rows, columns = crop_window(truth, [exact, shifted])
    assert (rows.stop - rows.start, columns.stop - columns.start) == (16, 16)
    assert (exact != shifted)[rows, columns].sum() >= 20
    folder = tmp_path / "2012_000001"
    folder.mkdir()
    Image.fromarray(np.full((48, 48, 3), 90, np.uint8)).save(folder / "photo.png")
    for name, classes in {"truth": truth, "a_seed0": exact, "b_seed0": shifted}.items():
        Image.fromarray(classes, "L").save(folder / f"{name}.png")
    crop = border_crop(epath.Path(folder), {"a": "a_seed0", "b": "b_seed0"}, label_set_of_names(NAMES))
    pictures = [crop.photo, crop.truth, *crop.predictions.values()]
    assert all(picture.startswith("data:image/") for picture in pictures)
    assert crop.photo != crop.truth
    assert crop.predictions["a"] != crop.predictions["b"]
    assert crop.differences["a"] != crop.differences["b"]
    assert crop.classes == ("background", "dog")


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    figures = {
        "images": 5,
        "map_voc2012": 0.25,
        "map_voc2007": None,
        "average_precision": {"dog": 0.25},
        "objects": {"dog": 7},
    }
    detector = Detector(figures, 2, ["data:image/png;base64,AAAA"])
    return Experiment([SCRATCH, TRANSFER, FCN4], [0, 1], [], detector, [{"name": "<made>"}])


def test_the_page_states_the_results(experiment: Experiment) -> None:
    page = experiment_page(experiment)
    text = " ".join(page.split())
    assert "fcn8_transfer reaches the final mean IoU of fcn8 within a third of the epochs for 1 of 2 seeds" in text
    assert "The boundary IoU of fcn4 is above that of fcn8 for 1 of 2 seeds" in text
    assert '<td class="num">never</td>' in text
    assert "−0.100" in text
    assert "0.250 by VOC2012’s protocol, – by VOC2007’s" in text
    assert "&lt;made&gt;" in page
    assert "http://" not in page
    assert "https://" not in page


def test_a_page_without_the_claims_candidates_and_without_a_detector() -> None:
    page = experiment_page(Experiment([FCN4], [0, 1], [], None, []))
    assert "compares no network with and without transfer" in page
    assert "has no detector" in page


def test_a_page_with_a_single_seed_names_no_mean_over_seeds() -> None:
    one = [dataclasses.replace(arm, histories=arm.histories[:1], boundary_iou=[0.4]) for arm in (SCRATCH, TRANSFER)]
    fcn4 = dataclasses.replace(FCN4, histories=FCN4.histories[:1], boundary_iou=[0.5])
    text = " ".join(experiment_page(Experiment([*one, fcn4], [0], [], None, [])).split())
    assert "3 networks, 1 seed each" in text
    assert text.count("for 1 of 1 seed.") == 2
    assert "over the seeds" not in text
    assert "Dashed lines" not in text
    assert "1 network, 2 seeds each" in experiment_page(Experiment([FCN4], [0, 1], [], None, []))


def test_the_results_as_json(experiment: Experiment) -> None:
    results = json.loads(json.dumps(results_as_json(experiment)))
    assert [speedup["within_a_third"] for speedup in results["transfer"]] == [True, False]
    assert results["boundary"] == {"of": ["fcn4", "fcn8"], "differences": pytest.approx([0.05, -0.1])}
    assert results["detector"]["map_voc2012"] == 0.25


def test_wrong_arguments_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["experiment", "transfer", "--seeds", "1,1"])
    assert "different numbers of 0 or more" in capsys.readouterr().err
    assert cli.main(["experiment", "transfer", "--preset", "nowhere"]) == 2
    assert cli.main(["experiment", "transfer", "--preset", "demo", "--preset", "demo"]) == 2
    assert "a candidate of the same name" in capsys.readouterr().err


def test_an_evaluation_is_repeated_only_for_other_inputs_and_after_damage(tmp_path: Path) -> None:
    evaluated: list[epath.Path] = []

    def evaluate(folder: epath.Path) -> None:
        assert list(folder.iterdir()) == []
        evaluated.append(folder)
        (folder / "evaluation.json").write_text("{}")
        if len(evaluated) == 1:
            raise KeyboardInterrupt

    def evaluated_folder(*inputs: str) -> epath.Path:
        return evaluated_once(epath.Path(tmp_path / "evaluation"), inputs, evaluate)

    with pytest.raises(KeyboardInterrupt):
        evaluated_folder("spec", "code")
    assert [evaluated_folder("spec", "code") for _ in range(2)] == 2 * [evaluated[0]]
    assert len(evaluated) == 2
    assert evaluated_folder("spec", "other code") != evaluated[0]
    assert not evaluated[0].exists()
    (evaluated[2] / "evaluation.json").write_text("damaged")
    assert evaluated_folder("spec", "other code") == evaluated[2]
    assert len(evaluated) == 4
    assert (evaluated[2] / "evaluation.json").read_text() == "{}"


@pytest.mark.slow
def test_a_small_experiment(tmp_path: Path) -> None:
    small = ["training.epochs=1", "detector.epochs=1", "sample.train_images=8", "sample.val_images=5"]
    arguments = ["experiment", "transfer", "--output", str(tmp_path), "--seeds", "0"]
    assert cli.main([*arguments, *(part for setting in small for part in ("--set", setting))]) == 0
    results = json.loads((tmp_path / "experiment.json").read_text())
    assert [found["name"] for found in results["arms"]] == ["fcn8", "fcn8_transfer", "fcn4", "unet"]
    assert results["detector"]["images"] == 5
    page = (tmp_path / "experiment.html").read_text()
    assert page.count("data:image/") > 10
