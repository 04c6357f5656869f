"""The model card that travels with a published model: Markdown, measured figures only.

Sections: Mitchell et al., "Model Cards for Model Reporting", FAT* 2019.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from components.metrics import CLASS_METRIC_NAMES, METRIC_NAMES
from components.saved_model.description import ModelDescription

_IN_SERVICE = "in-service"
_NOT_MEASURED = "not measured"
_MEBIBYTE = 2**20


def model_card(
    candidate: str,
    evaluation: Mapping[str, Any],
    description: ModelDescription,
    smoke_test: Mapping[str, Any] | None = None,
) -> str:
    """Writes the model card of a candidate.

    Args:
        candidate: its name in the evaluation.
        evaluation: as SegmentationEvaluator writes it. What it lacks is said to be absent, or left out.
        description: what the model says of itself.
        smoke_test: as ModelSmokeTest writes it; `None` where there was none.

    Returns:
        Markdown.

    Raises:
        ValueError: the evaluation holds no such candidate.
    """
    candidates = evaluation.get("candidates") or {}
    if candidate not in candidates:
        raise ValueError(f"the evaluation has no candidate {candidate!r}; it has {', '.join(candidates) or 'none'}")
    figures = candidates[candidate]
    split = evaluation.get("split", "val")
    tested = ((smoke_test or {}).get("candidates") or {}).get(candidate)
    sections = {
        "Model details": _details(description),
        "Intended use": _intended_use(description),
        "Factors": _factors(figures, split),
        "Metrics": _metrics(figures),
        "Evaluation data": _evaluation_data(evaluation, figures, split, description),
        "Training data": _training_data(description),
        "Quantitative analyses": _analyses(candidate, evaluation, figures, split, tested),
        "Ethical considerations": _ethics(description),
        "Caveats and recommendations": _caveats(figures, evaluation, tested),
    }
    parts = [f"# Model card: {candidate}"]
    parts += [f"## {title}\n\n{text}" for title, text in sections.items()]
    return "\n\n".join(parts) + "\n"


def _details(description: ModelDescription) -> str:
    size = description.image_size
    return _bullets(
        [
            "Task: semantic segmentation, a class for each pixel.",
            f"Network: `{description.network}`, options {_settings(description.options)}.",
            f"Parameters: {description.parameters:,}.",
            f"Input: a photo, resized to {size} × {size} pixels inside the model.",
            f"Output: one of {len(description.class_names)} classes a pixel: {', '.join(description.class_names)}.",
            f"Training: {description.train_seconds:.0f} seconds with {_settings(description.training)}.",
            "Format: TensorFlow SavedModel; `assets/segmentation.json` holds these settings for programs.",
        ]
    )


def _intended_use(description: ModelDescription) -> str:
    foreground = ", ".join(name for name in description.class_names[1:])
    return (
        f"Labelling the pixels of everyday photos that show {foreground}; every other thing counts as background. "
        "It is meant for research, teaching and as a baseline. It was not made for decisions that affect people's "
        "safety, rights or livelihood, nor for other kinds of pictures, such as medical or aerial ones."
    )


def _factors(figures: Mapping[str, Any], split: str) -> str:
    slices = figures.get("slices") or {}
    if not slices:
        return f"The figures are over the whole {split} split; no slices of it were measured."
    return f"Figures are given for the whole {split} split, and apart by {_listed(slices)}."


def _metrics(figures: Mapping[str, Any]) -> str:
    measured = [name for key, name in METRIC_NAMES.items() if figures.get(key) is not None]
    text = f"Measured: {_listed(measured)}." if measured else "No figure was measured."
    text += (
        " The mean IoU is over the classes that occur in the masks, from one confusion matrix over all images. "
        "Pixels that are marked void are in no figure, unless the records count void as background."
    )
    if figures.get("mean_iou_interval"):
        text += " The interval is at 95 %, from a bootstrap over images."
    return text


def _evaluation_data(
    evaluation: Mapping[str, Any], figures: Mapping[str, Any], split: str, description: ModelDescription
) -> str:
    images = evaluation.get("images", figures.get("images"))
    counted = f"{images} images" if images is not None else "images whose number is not on record"
    size = evaluation.get("image_size", description.image_size)
    text = f"The {split} split of a devkit in PASCAL VOC's layout: {counted}, at {size} × {size} pixels."
    absent = _absent(figures)
    if absent:
        text += f" No mask of it holds {_listed(absent)}: nothing is known of how the model does there."
    return text


def _training_data(description: ModelDescription) -> str:
    text = "The train split of the same devkit; with `data.train_masks`, the one that SBD's masks enlarge."
    weights = description.options.get("weights")
    if weights:
        return f"{text} The backbone began from the weights `{weights}`, which bring their own training data with them."
    return f"{text} No pretrained weights are among the network's options."


def _analyses(
    candidate: str,
    evaluation: Mapping[str, Any],
    figures: Mapping[str, Any],
    split: str,
    tested: Mapping[str, Any] | None,
) -> str:
    parts = [_overall(figures, split), _classes(evaluation, figures)]
    parts += [_slice(kind, slices) for kind, slices in (figures.get("slices") or {}).items()]
    parts += [_comparison(candidate, evaluation, figures), _service(tested)]
    return "\n\n".join(part for part in parts if part)


def _overall(figures: Mapping[str, Any], split: str) -> str:
    original = figures.get("original_size") or {}
    rows = []
    for key, name in METRIC_NAMES.items():
        if figures.get(key) is None and original.get(key) is None:
            continue
        cells = [name, _with_interval(figures, key)]
        rows.append([*cells, _with_interval(original, key)] if original else cells)
    columns = ["figure", "at the network's size"]
    table = _table([*columns, "at the photos' own size"] if original else columns, rows)
    return f"### On the {split} split\n\n{table}" if rows else f"### On the {split} split\n\nNothing was measured."


def _with_interval(figures: Mapping[str, Any], key: str) -> str:
    value, interval = figures.get(key), figures.get(f"{key}_interval")
    if value is None:
        return _NOT_MEASURED
    return f"{value:.4f} ({interval[0]:.4f} to {interval[1]:.4f})" if interval else f"{value:.4f}"


def _classes(evaluation: Mapping[str, Any], figures: Mapping[str, Any]) -> str:
    shown = {key: name for key, name in CLASS_METRIC_NAMES.items() if figures.get(key)}
    if not shown:
        return ""
    absent = _absent(figures)
    names = evaluation.get("class_names") or list(figures[next(iter(shown))])
    rows = [
        [name, *("absent" if name in absent else _figure(figures[key].get(name)) for key in shown)] for name in names
    ]
    return f"### By class\n\n{_table(['class', *shown.values()], rows)}"


def _slice(kind: str, slices: Mapping[str, Any]) -> str:
    columns = {"mean_iou": "mean IoU", "pixel_accuracy": "pixel accuracy"}
    rows = [
        [name, str(values.get("images", _NOT_MEASURED)), *(_figure(values.get(key)) for key in columns)]
        for name, values in slices.items()
    ]
    return f"### By {kind}\n\n{_table([kind, 'images', *columns.values()], rows)}" if rows else ""


def _comparison(candidate: str, evaluation: Mapping[str, Any], figures: Mapping[str, Any]) -> str:
    """What was measured beside it on the same images, and whether the difference is beyond luck."""
    others = {name: other for name, other in evaluation["candidates"].items() if name != candidate}
    if evaluation.get("baseline"):
        others[_IN_SERVICE] = evaluation["baseline"]
    differences = (evaluation.get("differences") or {}).get(candidate) or {}
    rows = []
    for name, other in others.items():
        label = "the model then in service" if name == _IN_SERVICE else name
        entry = differences.get(name) or {}
        value, interval = entry.get("mean_iou"), entry.get("interval")
        told = _NOT_MEASURED
        if value is not None:
            told = f"{value:+.4f}" + (f" ({interval[0]:+.4f} to {interval[1]:+.4f})" if interval else "")
        rows.append([label, _with_interval(other, "mean_iou"), told])
    parts = [_table(["model", "mean IoU", f"{candidate} minus it"], rows)] if rows else []
    if evaluation.get("baseline_problem"):
        parts.append(f"Of the model in service: {evaluation['baseline_problem']}.")
    elif not evaluation.get("baseline"):
        parts.append("No model was in service to compare it with.")
    return "### Beside other models, on the same images\n\n" + "\n\n".join(parts)


def _service(tested: Mapping[str, Any] | None) -> str:
    heading = "### In service"
    if not tested:
        return f"{heading}\n\nIt was not put to a smoke test."
    lines = ["Smoke test: passed." if tested.get("passed") else "Smoke test: failed."]
    lines += [f"Problem: {problem}." for problem in tested.get("problems") or []]
    if tested.get("latency_seconds") is not None:
        lines.append(f"One image, alone in its batch: {1000 * tested['latency_seconds']:.0f} ms (median).")
    if tested.get("load_seconds") is not None:
        lines.append(f"Loading: {tested['load_seconds']:.1f} s.")
    if tested.get("peak_memory_bytes") is not None:
        lines.append(f"Peak memory of the process: {tested['peak_memory_bytes'] / _MEBIBYTE:.0f} MiB.")
    return f"{heading}\n\n{_bullets(lines)}"


def _ethics(description: ModelDescription) -> str:
    text = (
        "Where the devkit is PASCAL VOC's own, its photos come from Flickr and keep their own terms; they show the "
        "places and habits of those who uploaded them, not the world's."
    )
    if "person" in description.class_names:
        text += (
            " The model marks the pixels of persons. Figures were not measured apart by age, gender or skin colour: "
            "that it does equally well for all is not known. It must not be used to watch or identify people."
        )
    return text


def _caveats(figures: Mapping[str, Any], evaluation: Mapping[str, Any], tested: Mapping[str, Any] | None) -> str:
    iou = {name: value for name, value in (figures.get("per_class_iou") or {}).items() if value is not None}
    lines = []
    if iou:
        weakest = min(iou, key=lambda name: iou[name])
        lines.append(f"The weakest class is {weakest}, with IoU {iou[weakest]:.4f}.")
    lines += [
        f"The class {name} was absent from the evaluation: measure it before relying on it."
        for name in _absent(figures)
    ]
    if not figures.get("original_size"):
        why = evaluation.get("original_size_problem")
        lines.append(f"There are no figures at the photos' own size{f': {why}' if why else ''}.")
    if not tested:
        lines.append("Latency and memory are not known.")
    lines.append(
        "The epoch whose weights were kept was chosen on the same split that the figures are measured on, so that they "
        "are a little better than on photos never seen; keep a test split for a last word."
    )
    lines.append("Figures are of photos like those measured. Measure again on your own before using the model.")
    return _bullets(lines)


def _absent(figures: Mapping[str, Any]) -> list[str]:
    listed = figures.get("absent_classes")
    if listed is not None:
        return list(listed)
    return [name for name, value in (figures.get("per_class_iou") or {}).items() if value is None]


def _figure(value: float | None) -> str:
    return _NOT_MEASURED if value is None else f"{value:.4f}"


def _settings(values: Mapping[str, Any]) -> str:
    """Settings in one line of code; what is not set is left out."""
    known = {key: value for key, value in values.items() if value is not None}
    return ", ".join(f"`{key}={value}`" for key, value in known.items()) or "none"


def _listed(names: Iterable[str]) -> str:
    *first, last = [str(name) for name in names]
    return f"{', '.join(first)} and {last}" if first else last


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table: the first column to the left, the others to the right."""
    rule = ["---", *("---:" for _ in columns[1:])]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in [columns, rule, *rows])
