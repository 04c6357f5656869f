"""The report of hand-made artifacts: its contents, its words about missing contents, and valid HTML."""

from __future__ import annotations

import dataclasses
import itertools
import re
import shutil
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from etils import epath

from pipeline.report.contents import RunContents, read_contents
from pipeline.report.page import make_page
from tests.pipeline.made_artifacts import CLASS_NAMES
from tests.pipeline.made_run import write_whole_run
from tests.pipeline.report.html_page import Page
from tfds_voc_seg.labels import VOC_CLASSES

if TYPE_CHECKING:
    from pathlib import Path


def test_it_shows_all_parts_of_a_run(contents: RunContents, evaluation: dict[str, Any]) -> None:
    page = Page(make_page(contents))
    figures = evaluation["candidates"]["fcn8"]
    low, high = figures["mean_iou_interval"]
    for text in (
        "fcn8 was published",
        "beats the model in service.",
        f"{figures['mean_iou']:.3f} {low:.3f} to {high:.3f}",
        "The model in service is version 1700000000",
        "Are the differences significant?",
        ": significant",
        ": not significant",
        "absent from the val split: not measured",
        "At the photos’ original size",
        "up to 400 pixels",
        "Best",
        "Median",
        "Worst",
        "class sheep is in none of the 30 images",
        "1 invalid image was skipped",
        "car75.0 %backgroundcar",
        "Not measured: how sure the model is of these pixels, and the masks of the splits other than val.",
        "below fcn8 by 0.1 <of mean IoU>.",
        "an empty batch is answered with an error.",
        "700 MiB",
        "/data/VOCdevkit/VOC2012",
        "learning_rate: 0.003",
        "1.21.0",
    ):
        assert text in page.words, text
    assert len(page.images) == 5 * (2 + 2 * 3) + 4  # the examples, and a doubtful mask
    assert 'class="missing"' not in make_page(contents)


def test_it_says_whether_its_split_also_selected_the_epoch(contents: RunContents, evaluation: dict[str, Any]) -> None:
    assert "best epoch was also selected on the val split" in Page(make_page(contents)).words
    on_test = dataclasses.replace(contents, evaluation={**evaluation, "split": "test"})
    words = Page(make_page(on_test)).words
    assert "The val split selected the best epoch of each training; no training used the test split." in words
    assert "best epoch was also selected" not in words


@pytest.mark.parametrize("class_names", [CLASS_NAMES, VOC_CLASSES])
def test_it_is_valid_html_that_needs_no_other_file(tmp_path: Path, class_names: tuple[str, ...]) -> None:
    write_whole_run(tmp_path, class_names=class_names)
    text = make_page(read_contents(tmp_path))
    page = Page(text)
    assert [name for name, count in Counter(page.ids).items() if count > 1] == []
    assert set(page.references) <= set(page.ids)
    assert all(image["alt"] for image in page.images)
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(page.headings))
    assert all(resource.startswith(("#", "data:")) for resource in page.resources)
    assert not re.search(r"https?://|@import|<script|url\(", text)


def test_a_run_without_a_published_model(tmp_path: Path) -> None:
    write_whole_run(tmp_path, published=False)
    page = Page(make_page(read_contents(tmp_path)))
    assert "Nothing new was published" in page.words
    assert "does not beat the model in service." in page.words
    assert "published to" not in page.words


def test_refused_candidates_and_a_model_that_was_not_published(contents: RunContents) -> None:
    selection = {**(contents.selection or {}), "publish": False, "refused": ["fcn8", "unet"]}
    selection["reason"] = "no candidate may be published: fcn8 predicts background only"
    refused = dataclasses.replace(contents, selection=selection, published=None)
    text = make_page(refused)
    assert "Nothing new was published" in text
    assert text.count('<span class="chip refused">refused</span>') == 2
    not_published = dataclasses.replace(
        contents, published=None, not_published_reason="a rollback took this very model out of service"
    )
    assert "But a rollback took this very model out of service." in Page(make_page(not_published)).words


def test_an_older_evaluation_with_fewer_figures(contents: RunContents, evaluation: dict[str, Any]) -> None:
    kept = ("network", "parameters", "train_seconds", "mean_iou", "pixel_accuracy", "per_class_iou", "confusion_matrix")
    old = {
        "split": "val",
        "class_names": evaluation["class_names"],
        "candidates": {name: {key: values[key] for key in kept} for name, values in evaluation["candidates"].items()},
        "baseline": None,
        "baseline_problem": "the model in service cannot be loaded (it lacks <assets>): not compared",
    }
    page = Page(
        make_page(
            dataclasses.replace(
                contents, evaluation=old, examples_folder=None, smoke_test=None, data_summary=None, versions=None
            )
        )
    )
    for text in (
        "This evaluation has no intervals.",
        "it lacks <assets>): not compared.",
        "no differences with intervals",
        "neither accuracy nor Dice nor boundary IoU",
        "no figures at the photos’ own size.",
        "has no slices",
        "has no ranking of masks",
        "has no pictures",
        "has no smoke test",
        "has no statistics",
        "versions were not recorded",
        "does not include sheep, which does not occur",
    ):
        assert text in page.words, text
    assert f"{evaluation['candidates']['unet']['mean_iou']:.3f}" in page.words


def test_a_run_without_a_working_candidate(contents: RunContents) -> None:
    evaluation = {**(contents.evaluation or {}), "candidates": {}, "baseline": None, "differences": {}}
    evaluation |= {"examples": [], "images": 0, "not_evaluated": {"fcn8": "the smoke test failed: load: no"}}
    selection: dict[str, Any] = {
        "publish": False,
        "selected": None,
        "refused": ["fcn8"],
        "reason": "no candidate may be published",
    }
    selection["candidates"] = {"fcn8": "refused: the smoke test failed: load: no"}
    page = Page(make_page(dataclasses.replace(contents, evaluation=evaluation, selection=selection, published=None)))
    assert "No candidate was evaluated" in page.words
    assert "efused: the smoke test failed: load: no" in page.words


def test_a_run_without_artifacts(contents: RunContents) -> None:
    empty = RunContents(contents.run_id, contents.finished)
    page = Page(make_page(empty))
    assert "No candidate was evaluated" in page.words
    for text in (
        "has no evaluation",
        "no training history",
        "did not validate the data",
        "no reasons",
        "Not recorded",
    ):
        assert text in page.words, text


def test_a_run_without_a_model_in_service(tmp_path: Path) -> None:
    write_whole_run(tmp_path, baseline=False)
    page = Page(make_page(read_contents(tmp_path)))
    assert "No model was in service" in page.words
    assert len(page.images) == 5 * (2 + 2 * 2) + 4


def test_missing_figures_are_dashes(contents: RunContents, evaluation: dict[str, Any]) -> None:
    for figures in evaluation["candidates"].values():
        figures |= {"mean_iou": None, "mean_iou_interval": None, "boundary_iou": None}
    evaluation["differences"]["fcn8"]["unet"] = {"mean_iou": None, "interval": None}
    page = Page(make_page(dataclasses.replace(contents, evaluation=evaluation)))
    assert "None" not in page.words
    assert "–" in page.words


def test_texts_of_artifacts_are_escaped(contents: RunContents) -> None:
    hostile = '"><script>alert(1)</script><img src=https://example.org/x>'
    findings = [{"split": hostile, "severity": "warning", "class": None, "feature": None, "what": hostile}]
    trainings = {hostile: next(iter(contents.trainings.values()))}
    text = make_page(
        dataclasses.replace(contents, findings=findings, trainings=trainings, data_parameters={"devkit": hostile})
    )
    assert "<script" not in text
    page = Page(text)
    assert page.words.count(hostile) >= 4
    assert all(resource.startswith(("#", "data:")) for resource in page.resources)


def test_unreadable_pictures_are_skipped(contents: RunContents, evaluation: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "examples"
    shutil.copytree(str(contents.examples_folder), folder)
    damaged, missing, *_ = sorted(path for path in folder.iterdir())
    (damaged / "photo.png").write_bytes(b"no picture")
    shutil.rmtree(missing)
    before = len(Page(make_page(contents)).images)
    shown = {example["image_id"] for example in evaluation["examples"]}
    lost = len({damaged.name, missing.name} & shown)
    after = len(Page(make_page(dataclasses.replace(contents, examples_folder=epath.Path(folder)))).images)
    lost_doubts = len({damaged.name, missing.name} & set(evaluation["doubtful_masks"]["pictures"]))
    assert after == before - 8 * lost - 4 * lost_doubts
