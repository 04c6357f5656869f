"""The report of hand-made artifacts: what it says, what it says of what is missing, and that it is sound HTML."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import shutil
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline import cli
from pipeline.commands.terminal import EXIT_FAILED, EXIT_USAGE
from pipeline.report import charts
from pipeline.report.contents import RunContents, read_contents
from pipeline.report.example_pictures import WRONG, difference
from pipeline.report.heat_map import heat_map_rows
from pipeline.report.models import compared_models, model_differences
from pipeline.report.page import make_page, write_report
from tests.pipeline.made_run import CLASS_NAMES, MadeRun, write_whole_run
from tfds_voc_seg.labels import VOC_CLASSES, VOID

VOID_ELEMENTS = {"meta", "link", "img", "br", "hr", "input"}


class _Page(HTMLParser):
    """Follows a page's elements: raises where they are not balanced, and keeps what the tests ask for."""

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.headings: list[int] = []
        self.resources: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag not in VOID_ELEMENTS:
            self.open.append(tag)
        if values.get("id"):
            self.ids.append(str(values["id"]))
        self.references += str(values.get("aria-labelledby") or "").split()
        if (values.get("href") or "").startswith("#"):
            self.references.append(str(values["href"])[1:])
        if tag == "img":
            self.images.append(values)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        self.resources += [
            str(values[name]) for name in ("src", "href", "srcset", "data", "action") if values.get(name)
        ]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID_ELEMENTS:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join("".join(self.text).split())


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_whole_run(folder)
    return folder


@pytest.fixture(scope="module")
def contents(output: Path) -> RunContents:
    return read_contents(output)


@pytest.fixture
def evaluation(contents: RunContents) -> dict[str, Any]:
    """The evaluation, for a test to change."""
    return json.loads(json.dumps(contents.evaluation))


def test_it_shows_every_part_of_a_run(contents: RunContents) -> None:
    page = _Page(make_page(contents))
    figures = contents.evaluation["candidates"]["fcn8"]  # type: ignore[index]
    low, high = figures["mean_iou_interval"]
    for said in (
        "fcn8 was published",
        "beats the model in service.",
        f"{figures['mean_iou']:.3f} {low:.3f} to {high:.3f}",
        "The model in service is version 1700000000",
        "beyond luck",
        "could be luck",
        "absent from the val split: not measured",
        "At the photos’ original size",
        "up to 400 pixels",
        "The best",
        "In the middle",
        "The worst",
        "class sheep is in none of the 30 images",
        "1 bad image was left out",
        "below fcn8 by 0.1 <of mean IoU>.",
        "an empty batch is answered with an error.",
        "700 MiB",
        "/data/VOCdevkit/VOC2012",
        "learning_rate: 0.003",
        "1.21.0",
    ):
        assert said in page.words, said
    assert len(page.images) == 5 * (2 + 2 * 3)
    assert 'class="missing"' not in make_page(contents)


@pytest.mark.parametrize("class_names", [CLASS_NAMES, VOC_CLASSES])
def test_it_is_sound_html_that_needs_nothing_else(tmp_path: Path, class_names: tuple[str, ...]) -> None:
    write_whole_run(tmp_path, class_names=class_names)
    text = make_page(read_contents(tmp_path))
    page = _Page(text)
    assert [name for name, count in Counter(page.ids).items() if count > 1] == []
    assert set(page.references) <= set(page.ids)
    assert all(image["alt"] for image in page.images)
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(page.headings))
    assert all(resource.startswith(("#", "data:")) for resource in page.resources)
    assert not re.search(r"https?://|@import|<script|url\(", text)


def test_a_run_that_published_nothing_says_so(tmp_path: Path) -> None:
    write_whole_run(tmp_path, published=False)
    page = _Page(make_page(read_contents(tmp_path)))
    assert "Nothing new was published" in page.words
    assert "does not beat the model in service." in page.words
    assert "published to" not in page.words


def test_refused_candidates_and_a_withheld_model_are_told(contents: RunContents) -> None:
    selection = {**(contents.selection or {}), "publish": False, "refused": ["fcn8", "unet"]}
    selection["reason"] = "no candidate may be published: fcn8 predicts background only"
    refused = dataclasses.replace(contents, selection=selection, published=None)
    text = make_page(refused)
    assert "Nothing new was published" in text
    assert text.count('<span class="chip refused">refused</span>') == 2
    withheld = dataclasses.replace(contents, published=None, withheld="a rollback took this very model out of service")
    assert "But a rollback took this very model out of service." in _Page(make_page(withheld)).words


def test_an_older_evaluation_is_shown_as_far_as_it_goes(contents: RunContents, evaluation: dict[str, Any]) -> None:
    kept = ("network", "parameters", "train_seconds", "mean_iou", "pixel_accuracy", "per_class_iou", "confusion_matrix")
    old = {
        "split": "val",
        "class_names": evaluation["class_names"],
        "candidates": {name: {key: values[key] for key in kept} for name, values in evaluation["candidates"].items()},
        "baseline": None,
        "baseline_problem": "the model in service can't be loaded (it lacks <assets>): not compared",
    }
    page = _Page(
        make_page(
            dataclasses.replace(
                contents, evaluation=old, examples_folder=None, smoke_test=None, data_summary=None, versions=None
            )
        )
    )
    for said in (
        "This evaluation holds no intervals.",
        "it lacks <assets>): not compared.",
        "no differences with intervals",
        "neither accuracy nor Dice nor boundary IoU",
        "no figures at the photos’ own size.",
        "holds no slices",
        "left no pictures",
        "not put to a smoke test",
        "left no statistics",
        "versions were not recorded",
        "sheep does not and is left out",
    ):
        assert said in page.words, said
    assert f"{evaluation['candidates']['unet']['mean_iou']:.3f}" in page.words


def test_a_run_without_a_sound_candidate_has_a_page(contents: RunContents) -> None:
    evaluation = {**(contents.evaluation or {}), "candidates": {}, "baseline": None, "differences": {}}
    evaluation |= {"examples": [], "images": 0, "not_evaluated": {"fcn8": "the smoke test failed: load: no"}}
    selection = {"publish": False, "selected": None, "refused": ["fcn8"], "reason": "no candidate may be published"}
    selection["candidates"] = {"fcn8": "refused: the smoke test failed: load: no"}
    page = _Page(make_page(dataclasses.replace(contents, evaluation=evaluation, selection=selection, published=None)))
    assert "No candidate was measured" in page.words
    assert "efused: the smoke test failed: load: no" in page.words


def test_a_run_that_left_nothing_still_has_a_page(contents: RunContents) -> None:
    empty = RunContents(contents.run_id, contents.finished)
    page = _Page(make_page(empty))
    assert "No candidate was measured" in page.words
    for said in (
        "left no evaluation",
        "no training history",
        "whether the data are sound",
        "no reasons",
        "Not recorded",
    ):
        assert said in page.words, said


def test_no_baseline_is_said(tmp_path: Path) -> None:
    write_whole_run(tmp_path, baseline=False)
    page = _Page(make_page(read_contents(tmp_path)))
    assert "No model was in service" in page.words
    assert len(page.images) == 5 * (2 + 2 * 2)


def test_null_figures_are_dashes(contents: RunContents, evaluation: dict[str, Any]) -> None:
    for figures in evaluation["candidates"].values():
        figures |= {"mean_iou": None, "mean_iou_interval": None, "boundary_iou": None}
    evaluation["differences"]["fcn8"]["unet"] = {"mean_iou": None, "interval": None}
    page = _Page(make_page(dataclasses.replace(contents, evaluation=evaluation)))
    assert "None" not in page.words
    assert "–" in page.words


def test_what_artifacts_say_is_text_and_never_markup(contents: RunContents) -> None:
    hostile = '"><script>alert(1)</script><img src=https://example.org/x>'
    findings = [{"split": hostile, "severity": "warning", "class": None, "feature": None, "what": hostile}]
    trainings = {hostile: next(iter(contents.trainings.values()))}
    text = make_page(
        dataclasses.replace(contents, findings=findings, trainings=trainings, data_parameters={"devkit": hostile})
    )
    assert "<script" not in text
    page = _Page(text)
    assert page.words.count(hostile) >= 4
    assert all(resource.startswith(("#", "data:")) for resource in page.resources)


def test_pictures_that_can_not_be_read_are_left_out(contents: RunContents, tmp_path: Path) -> None:
    folder = tmp_path / "examples"
    shutil.copytree(str(contents.examples_folder), folder)
    damaged, missing, *_ = sorted(path for path in folder.iterdir())
    (damaged / "photo.png").write_bytes(b"no picture")
    shutil.rmtree(missing)
    from etils import epath

    before = len(_Page(make_page(contents)).images)
    shown = {example["image_id"] for example in contents.evaluation["examples"]}  # type: ignore[index]
    lost = len({damaged.name, missing.name} & shown)
    after = len(_Page(make_page(dataclasses.replace(contents, examples_folder=epath.Path(folder)))).images)
    assert after == before - 8 * lost


# ------------------------------------------------------------------------------------------------------- its parts


def test_differences_are_told_from_the_better_model(contents: RunContents, evaluation: dict[str, Any]) -> None:
    evaluation["differences"] = {
        "unet": {"fcn8": {"mean_iou": -0.2, "interval": [-0.3, -0.1]}},
        "in-service": {"fcn8": {"mean_iou": 0.05, "interval": [-0.01, 0.11]}},
    }
    found = model_differences(evaluation, compared_models(contents))
    first, second = found
    assert (first.better.name, first.worse.name, first.mean_iou, first.interval) == ("fcn8", "unet", 0.2, (0.1, 0.3))
    assert first.beyond_luck
    assert (second.better.name, second.worse.name, second.interval) == ("in-service", "fcn8", (-0.01, 0.11))
    assert not second.beyond_luck


def test_a_heat_map_is_normalised_by_row() -> None:
    rows = heat_map_rows([[9_996, 4, 0], [1, 1, 2], [0, 0, 0]], ["background", "dog", "cat"])
    assert [cell.text for cell in rows[0].cells] == [">99", "<1", "0"]
    assert [(cell.text, cell.step, cell.right) for cell in rows[1].cells] == [
        ("25", 2, False),
        ("25", 2, True),
        ("50", 5, False),
    ]
    assert (rows[2].pixels, rows[2].cells) == (0, ())


def test_wrong_pixels_are_painted_and_void_is_not_judged() -> None:
    photo = np.full((12, 12, 3), 100, np.uint8)
    truth, predicted = np.zeros((12, 12), np.uint8), np.zeros((12, 12), np.uint8)
    truth[:4], predicted[:6] = VOID, 1
    picture = difference(photo, truth, predicted)
    assert (picture[4:6] == WRONG).all()
    assert not (picture[:4] == WRONG).all(axis=-1).any()
    assert len(np.unique(picture[6:].reshape(-1, 3), axis=0)) == 1  # right: pale grey
    assert len(np.unique(picture[:4].reshape(-1, 3), axis=0)) == 2  # hatched


def test_a_bar_ends_at_its_value_and_whiskers_at_the_interval() -> None:
    drawn = charts.bar(0.3, 0.6, 2, (0.15, 0.45))
    assert 'class="fill s2" width="50.00%"' in drawn
    assert 'x1="25.00%" x2="75.00%"' in drawn
    assert "fill" not in charts.bar(None, 1.0, 1)


def test_a_curve_is_broken_where_a_value_is_missing() -> None:
    drawn = charts.line_chart("loss", [charts.Line("fcn8", 1, [1.0, None, 0.5, 0.25])])
    path = re.search(r' d="([^"]*)"', drawn)
    assert path
    assert [path[1].count(command) for command in "ML"] == [2, 1]
    assert drawn.count("<circle") == 1  # the first epoch stands alone


def test_names_at_the_ends_of_curves_do_not_overlap() -> None:
    drawn = charts.line_chart("loss", [charts.Line(f"c{number}", number, [0.5, 0.5]) for number in range(1, 5)])
    heights = sorted(float(y) for y in re.findall(r'class="name[^>]* y="([\d.]+)"', drawn))
    assert len(heights) == 4
    assert all(after - before >= 13.9 for before, after in itertools.pairwise(heights))


@pytest.mark.parametrize("epochs", [1, 2, 7, 40, 500])
@pytest.mark.parametrize("highest_value", [0.0, 0.004, 0.7, 1.0, 23.0])
def test_axes_are_marked_at_round_numbers(epochs: int, highest_value: float) -> None:
    drawn = charts.line_chart("loss", [charts.Line("a", 1, [highest_value] * epochs)])
    marks = [float(mark) for mark in re.findall(r'class="end">([\d.]+)<', drawn)]
    assert 2 <= len(marks) <= 8
    assert marks[-1] >= highest_value
    assert len(set(marks)) == len(marks)
    shown = [int(epoch) for epoch in re.findall(r'class="middle">(\d+)<', drawn)]
    assert len(shown) <= 8
    assert shown[0] == 1


# ------------------------------------------------------------------------------------------------------ the command


def test_the_command_writes_it_from_the_folder_alone(
    output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(output, moved)
    hidden = output.with_name("hidden")
    output.rename(hidden)  # what ML Metadata names is no longer there
    try:
        assert cli.main(["report", str(moved)]) == 0
    finally:
        hidden.rename(output)
    page = moved / "report" / "index.html"
    assert capsys.readouterr().out.strip() == str(page)
    assert len(_Page(page.read_text()).images) == 40
    assert [path.name for path in page.parent.iterdir()] == ["index.html"]


def test_it_is_written_whole_or_not_at_all(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = write_report(output)
    before = page.read_text()
    monkeypatch.setattr("pipeline.report.page.make_page", lambda contents: "\ud800")  # can't be encoded
    with pytest.raises(UnicodeEncodeError):
        write_report(output)
    assert page.read_text() == before


def test_a_damaged_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_whole_run(tmp_path)
    (file,) = tmp_path.glob("tfx/ModelSelector/blessing/*/selection.json")
    file.write_text("{")
    assert cli.main(["report", str(tmp_path)]) == EXIT_FAILED
    assert f"the report can't be written: {file} is damaged" in capsys.readouterr().err


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["report", str(tmp_path / "none")]) == EXIT_USAGE
    assert "none is not a folder" in capsys.readouterr().err
    MadeRun(tmp_path)
    assert cli.main(["report", str(tmp_path)]) == EXIT_USAGE
    assert "no finished run" in capsys.readouterr().err
