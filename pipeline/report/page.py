"""The page itself: what was gathered, filled into the templates."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import yaml
from markupsafe import Markup

from components.metrics import METRIC_NAMES
from components.run_files import REPORT_FILE
from pipeline.report import charts, sections
from pipeline.report.contents import RunContents, known, read_contents
from pipeline.report.heat_map import STEPS
from pipeline.report.models import Model, compared_models, model_differences
from tfds_voc_seg.storage import write_text_whole

_MEBIBYTE = 2**20


def write_report(output: Path) -> Path:
    """Writes the report of an output folder's latest finished run, whole or not at all.

    Args:
        output: what `vocseg run` wrote to; nothing else is read.

    Returns:
        The page's path.

    Raises:
        RunNotFoundError: the folder holds no finished run.
        ValueError: a file of the run is damaged.
        OSError: an artifact can't be read, or the page can't be written.
    """
    page = make_page(read_contents(output))
    file = output / REPORT_FILE
    file.parent.mkdir(exist_ok=True)
    write_text_whole(file, page)
    return file


def make_page(contents: RunContents) -> str:
    """Makes the page: HTML that needs no other file and no network. What is missing is said to be."""
    models = compared_models(contents)
    class_names = list(known(contents.evaluation, "class_names") or [])
    absent = sections.absent_classes(models, class_names)
    data_rows = sections.data_rows(contents.data_summary or {}, _data_classes(contents))
    environment = report_environment()
    return environment.get_template("page.html.jinja").render(
        run=contents,
        evaluation=contents.evaluation or {},
        models=models,
        best=next((model for model in models if model.name == known(contents.selection, "selected")), None),
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
        examples=sections.example_groups(contents, class_names),
        curves=sections.curve_charts(contents.trainings, models),
        training_rows=sections.training_rows(contents.trainings),
        data_rows=data_rows,
        share_end=sections.share_end(data_rows),
        code_of_network=_code_of_network,
        made=datetime.datetime.now().astimezone(),
    )


def _ends(model: Model) -> list[float | None]:
    return [model.figure("mean_iou"), *(model.interval or [])]


def _data_classes(contents: RunContents) -> list[str]:
    splits = list((contents.data_summary or {}).values())
    return list(splits[0]["class_images"]) if splits else []


def _code_of_network(code: str) -> tuple[str, str]:
    """A trainer's code hash in its two parts: the function that makes the network, and the hash."""
    function, at, fingerprint = code.partition("@")
    return (function, fingerprint) if at else ("", code)


def report_environment(*packages: str) -> jinja2.Environment:
    """The templates of these packages and of the report, with the filters and styles that all pages share."""
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(package) for package in (*packages, "pipeline.report")]),
        autoescape=True,
        undefined=jinja2.ChainableUndefined,  # a key that an older artifact lacks counts as missing
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "figure": _or_dash(lambda value, digits=3: f"{value:.{digits}f}"),
        "interval": _or_dash(lambda ends: f"{ends[0]:.3f} to {ends[1]:.3f}".replace("-", "−")),
        "percent": _or_dash(lambda share, digits=1: f"{100 * share:.{digits}f} %"),
        "count": _or_dash(lambda number: f"{number:,}".replace(",", "\u202f")),
        "duration": _or_dash(_duration),
        "milliseconds": _or_dash(lambda seconds: f"{1000 * seconds:.0f} ms"),
        "mebibytes": _or_dash(lambda size: f"{size / _MEBIBYTE:.0f} MiB"),
        "moment": _or_dash(lambda time: f"{time:%Y-%m-%d %H:%M}"),
        "yaml": lambda values: yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100),
        "from_json": lambda text: json.loads(text) if text else {},
        "sentence": _sentence,
        "swatch": sections.class_swatch,
    }
    environment.globals |= {"bar": charts.bar, "css": _css(environment)}
    return environment


def _or_dash(text_of: Callable[..., str]) -> Callable[..., str]:
    """A filter that shows what is missing as a dash."""

    def shown(value: Any, *settings: Any) -> str:
        return "–" if value is None or isinstance(value, jinja2.Undefined) else text_of(value, *settings)

    return shown


def _css(environment: jinja2.Environment) -> Markup:
    loader = environment.loader
    assert loader is not None
    return Markup(loader.get_source(environment, "page.css")[0])  # our own file


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def _sentence(text: Any) -> str:
    """A reason as a sentence: a full stop at its end. Its beginning may be a name, which keeps its letters."""
    words = str(text).strip()
    return words if words.endswith((".", "!", "?")) else f"{words}."
