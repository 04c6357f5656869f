"""Renders the report: fills the contents into the templates."""

from __future__ import annotations

import datetime
import functools
import json
from typing import TYPE_CHECKING, Any

import jinja2
import yaml
from markupsafe import Markup

from components.metrics import METRIC_NAMES
from components.run_files import REPORT_FILE
from pipeline.report import charts, sections
from pipeline.report.contents import RunContents, read_contents, value_at
from pipeline.report.heat_map import STEPS
from pipeline.report.models import Model, compared_models, model_differences
from tfds_voc_seg.image_size import images_text, size_text
from tfds_voc_seg.label_set import VOC_LABELS, label_set_of_names
from tfds_voc_seg.label_set_files import label_set_from
from tfds_voc_seg.storage import write_text_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tfds_voc_seg.label_set import LabelSet

_MEBIBYTE = 2**20


def write_report(output: Path) -> Path:
    """Writes the report of the latest finished run in an output folder, completely or not at all.

    Args:
        output: the output folder of `vocseg run`.

    Returns:
        The path of the page.

    Raises:
        RunNotFoundError: the folder holds no finished run.
        ValueError: a file of the run is damaged.
        OSError: an artifact cannot be read, or the page cannot be written.
    """
    page = make_page(read_contents(output))
    file = output / REPORT_FILE
    file.parent.mkdir(exist_ok=True)
    write_text_whole(file, page)
    return file


def make_page(contents: RunContents) -> str:
    """Renders the page: HTML that needs no other file and no network. It names missing contents."""
    models = compared_models(contents)
    class_names = list(value_at(contents.evaluation, "class_names") or [])
    labels = _labels(contents, class_names)
    absent = sections.absent_classes(models, class_names)
    data_rows = sections.data_rows(contents.data_summary or {}, _data_classes(contents))
    environment = report_environment(labels)
    return environment.get_template("page.html.jinja").render(
        run=contents,
        evaluation=contents.evaluation or {},
        models=models,
        best=next((model for model in models if model.name == value_at(contents.selection, "selected")), None),
        iou_end=charts.axis_end([value for model in models for value in _ends(model)]),
        differences=model_differences(contents.evaluation, models),
        figures=METRIC_NAMES,
        class_figures=sections.OTHER_CLASS_FIGURES,
        class_names=class_names,
        absent=absent,
        class_rows=sections.class_rows(models, class_names, absent),
        heat_maps=sections.confusion_maps(models, class_names),
        heat_steps=STEPS,
        original_size=sections.original_size_rows(models),
        slices=sections.slice_tables(models),
        examples=sections.example_groups(contents, labels),
        doubtful=value_at(contents.evaluation, "doubtful_masks") or {},
        doubtful_views=sections.doubtful_views(contents, labels),
        curves=sections.curve_charts(contents.trainings, models),
        training_rows=sections.training_rows(contents.trainings),
        data_rows=data_rows,
        share_end=sections.share_end(data_rows, labels.background),
        code_of_network=_code_of_network,
        made=datetime.datetime.now().astimezone(),
    )


def _ends(model: Model) -> list[float | None]:
    return [model.figure("mean_iou"), *(model.interval or [])]


def _data_classes(contents: RunContents) -> list[str]:
    splits = list((contents.data_summary or {}).values())
    return list(splits[0]["class_images"]) if splits else []


def _labels(contents: RunContents, class_names: Sequence[str]) -> LabelSet:
    """Returns the classes with their colours; an older evaluation has only the names, and a failed run nothing."""
    stored, names = value_at(contents.evaluation, "labels"), class_names or _data_classes(contents)
    if stored:
        return label_set_from(stored)
    return label_set_of_names(names) if names else VOC_LABELS


def _code_of_network(code: str) -> tuple[str, str]:
    """Splits the code hash of a trainer into the function that creates the network and the hash itself."""
    function, at, fingerprint = code.partition("@")
    return (function, fingerprint) if at else ("", code)


def report_environment(labels: LabelSet, *packages: str) -> jinja2.Environment:
    """Returns the templates of the report and of other packages, with the filters and styles of all pages.

    Args:
        labels: the classes with their colours.
        *packages: the other packages.
    """
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(package) for package in (*packages, "pipeline.report")]),
        autoescape=True,
        undefined=jinja2.ChainableUndefined,  # a key that an older artifact does not have is shown as missing
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "figure": _or_dash(lambda value, digits=3: f"{value:.{digits}f}"),
        "interval": _or_dash(lambda ends: f"{ends[0]:.3f} to {ends[1]:.3f}".replace("-", "−")),
        "percent": _or_dash(lambda share, digits=1: f"{100 * share:.{digits}f} %"),
        "count": _or_dash(lambda number: f"{number:,}".replace(",", "\u202f")),
        "duration": _or_dash(_duration),
        "milliseconds": _or_dash(lambda seconds, digits=0: f"{1000 * seconds:.{digits}f} ms"),
        "mebibytes": _or_dash(lambda size, digits=0: f"{size / _MEBIBYTE:.{digits}f} MiB"),
        "moment": _or_dash(lambda time: f"{time:%Y-%m-%d %H:%M}"),
        "yaml": lambda values: yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100),
        "from_json": lambda text: json.loads(text) if text else {},
        "sentence": _sentence,
        "size": size_text,
        "images": images_text,
        "swatch": functools.partial(sections.class_swatch, labels=labels),
    }
    environment.tests["background"] = lambda name: name == labels.background
    environment.globals |= {"bar": charts.bar, "css": _css(environment)}
    return environment


def _or_dash(text_of: Callable[..., str]) -> Callable[..., str]:
    """Makes a template filter that shows a missing value as a dash."""

    def shown(value: Any, *settings: Any) -> str:
        return "–" if value is None or isinstance(value, jinja2.Undefined) else text_of(value, *settings)

    return shown


def _css(environment: jinja2.Environment) -> Markup:
    loader = environment.loader
    assert loader is not None
    return Markup(loader.get_source(environment, "page.css")[0])  # a file of this package: no escaping


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def _sentence(text: Any) -> str:
    """Ends a text with a full stop. The first letter is not changed, because the text may begin with a name."""
    words = str(text).strip()
    return words if words.endswith((".", "!", "?")) else f"{words}."
