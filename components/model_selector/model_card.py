"""The model card of a published model: Markdown that contains only measured values.

Source of the sections: Mitchell et al., "Model Cards for Model Reporting", FAT* 2019.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from components.metrics import METRIC_NAMES
from components.model_selector.markdown import bullets, enumeration
from components.model_selector.model_card_results import absent_classes, quantitative_analyses
from tfds_voc_seg.image_size import images_text, size_text
from tfds_voc_seg.label_set import VOC_LABELS
from tfds_voc_seg.records.files import VAL_SPLIT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.saved_model.description import ModelDescription
    from tfds_voc_seg.geometry import Geometry


def model_card(
    candidate: str,
    evaluation: Mapping[str, Any],
    description: ModelDescription,
    smoke_test: Mapping[str, Any] | None = None,
) -> str:
    """Writes the model card of a candidate.

    Args:
        candidate: the candidate's name in the evaluation.
        evaluation: the content of `evaluation.json`; missing metrics are omitted or marked as not measured.
        description: the description in the SavedModel.
        smoke_test: the content of `smoke_test.json`; `None` if the models were not tested.

    Returns:
        Markdown.

    Raises:
        ValueError: the evaluation does not contain the candidate.
    """
    candidates = evaluation.get("candidates") or {}
    if candidate not in candidates:
        raise ValueError(
            f"the evaluation does not contain the candidate {candidate!r}; it contains "
            f"{', '.join(candidates) or 'no candidate'}"
        )
    metrics = candidates[candidate]
    split = evaluation.get("split", VAL_SPLIT)
    tested = ((smoke_test or {}).get("candidates") or {}).get(candidate)
    sections = {
        "Model details": _details(description),
        "Intended use": _intended_use(description),
        "Factors": _factors(metrics, split),
        "Metrics": _metrics(metrics, evaluation.get("void")),
        "Evaluation data": _evaluation_data(evaluation, metrics, split, description),
        "Training data": _training_data(description),
        "Quantitative analyses": quantitative_analyses(candidate, evaluation, split, tested),
        "Ethical considerations": _ethics(description),
        "Caveats and recommendations": _caveats(metrics, evaluation, split, tested),
    }
    parts = [f"# Model card: {candidate}"]
    parts += [f"## {title}\n\n{text}" for title, text in sections.items()]
    return "\n\n".join(parts) + "\n"


def _details(description: ModelDescription) -> str:
    names = description.class_names
    return bullets(
        [
            "Task: semantic segmentation, one class per pixel.",
            f"Network: `{description.network}`, options {_settings(description.options)}.",
            f"Parameters: {description.parameters:,}.",
            f"Input: a photo, which the model {_resizing(description.geometry)}.",
            f"Output: one of {len(names)} classes per pixel: {', '.join(names)}.",
            *([f"Merged classes: {merged}."] if (merged := _merged_classes(description)) else []),
            f"Training: {description.train_seconds:.0f} seconds with {_settings(description.training)}.",
            "Format: TensorFlow SavedModel; `assets/segmentation.json` contains these settings in machine-readable "
            "form.",
        ]
    )


def _resizing(geometry: Geometry) -> str:
    """Says what the model does with a photo, a part of a sentence."""
    size = f"{size_text(geometry.image_size)} pixels"
    if geometry.resize == "crop":
        return f"resizes to a short side of {geometry.cropped_side} pixels and segments in windows of {size}"
    return f"resizes to {size}" if geometry.resize == "stretch" else f"resizes and, keeping its shape, pads to {size}"


def _merged_classes(description: ModelDescription) -> str:
    """Lists the classes that consist of others: `vehicle (car, bus)`."""
    selection = description.records.selection if description.records else ()
    return ", ".join(f"{name} ({', '.join(sources)})" for name, sources in selection if sources != (name,))


def _settings(values: Mapping[str, Any]) -> str:
    """Formats settings in one line; settings that are null are omitted."""
    return ", ".join(f"`{key}={value}`" for key, value in values.items() if value is not None) or "none"


def _intended_use(description: ModelDescription) -> str:
    channels, custom = description.channels, _is_custom(description)
    shown = "photos like those of its devkit" if custom else "everyday photos"
    rest = f"; it treats everything else as {channels.background}" if channels.background else ""
    other = "other kinds of images" if custom else "other kinds of images, such as medical or aerial images"
    return (
        f"The model labels the pixels of {shown} that show {', '.join(channels.foreground)}{rest}. It is intended for "
        "research, for teaching and as a baseline. It is not intended for decisions that affect people's safety, "
        f"rights or livelihood, nor for {other}."
    )


def _is_custom(description: ModelDescription) -> bool:
    """Returns whether the label set is not VOC's."""
    return description.records is not None and description.records.labels != VOC_LABELS


def _factors(metrics: Mapping[str, Any], split: str) -> str:
    slices = metrics.get("slices") or {}
    if not slices:
        return f"The metrics cover the whole {split} split; slices of it were not measured."
    return f"The metrics cover the whole {split} split, and slices of it by {enumeration(slices)}."


def _metrics(metrics: Mapping[str, Any], void: str | None) -> str:
    measured = [name for key, name in METRIC_NAMES.items() if metrics.get(key) is not None]
    text = f"Measured: {enumeration(measured)}." if measured else "No metric was measured."
    text += (
        " The mean IoU is the mean over the classes that occur in the masks, computed from one confusion matrix of all "
        "images. "
        + ("Void pixels count as background." if void == "background" else "Void pixels are excluded from all metrics.")
    )
    if metrics.get("mean_iou_interval"):
        text += " Intervals are 95 % confidence intervals from a bootstrap over the images."
    return text


def _evaluation_data(
    evaluation: Mapping[str, Any], metrics: Mapping[str, Any], split: str, description: ModelDescription
) -> str:
    images = evaluation.get("images", metrics.get("images"))
    number = f"{images} images" if images is not None else "an unknown number of images"
    size = images_text({"image_size": description.image_size, **evaluation})
    text = f"The {split} split of a devkit in PASCAL VOC's layout: {number} of {size}."
    absent = absent_classes(metrics)
    if absent:
        text += f" No mask contains {enumeration(absent)}, so the model's quality for these classes is unknown."
    return text


def _training_data(description: ModelDescription) -> str:
    text = "The train split of the same devkit; depending on `data.train_masks`, SBD's masks enlarge it."
    weights = description.options.get("weights")
    if weights:
        return f"{text} The backbone was initialised with the weights `{weights}`, which were trained on other data."
    return f"{text} The network's options do not name pretrained weights."


def _ethics(description: ModelDescription) -> str:
    text = (
        "If the devkit is PASCAL VOC's own, its photos come from Flickr and have their own terms of use. They show the "
        "places and habits of the people who uploaded them and do not represent the whole world."
    )
    if _is_custom(description):
        text = "The devkit is not PASCAL VOC's own: check whose photos it contains and which terms of use they have."
    if "person" in description.class_names:
        text += (
            " The model labels persons. The metrics were not measured separately by age, gender or skin colour, so it "
            "is unknown whether the model works equally well for all people. It must not be used to monitor or "
            "identify people."
        )
    return text


def _caveats(
    metrics: Mapping[str, Any], evaluation: Mapping[str, Any], split: str, tested: Mapping[str, Any] | None
) -> str:
    iou = {name: value for name, value in (metrics.get("per_class_iou") or {}).items() if value is not None}
    lines = []
    if iou:
        weakest = min(iou, key=lambda name: iou[name])
        lines.append(f"The class with the lowest IoU is {weakest}: {iou[weakest]:.4f}.")
    lines += [
        f"The class {name} does not occur in the evaluation data: measure it before you rely on it."
        for name in absent_classes(metrics)
    ]
    if not metrics.get("original_size"):
        reason = evaluation.get("original_size_problem")
        lines.append(f"There are no metrics at the photos' original size{f': {reason}' if reason else ''}.")
    if not tested:
        lines.append("Latency and memory are unknown.")
    lines.append(_epoch_selection(split))
    lines.append("The metrics apply to photos like the evaluated ones. Evaluate the model on your own photos first.")
    return bullets(lines)


def _epoch_selection(split: str) -> str:
    """Says whether the split that the metrics are measured on also selected the epoch."""
    if split == VAL_SPLIT:
        return (
            "The best epoch was selected on the same split that the metrics are measured on, so the metrics are "
            "slightly better than on unseen photos. Use a separate test split for a final measurement."
        )
    return (
        f"The best epoch was selected on the {VAL_SPLIT} split; training did not use the {split} split. The candidates "
        f"were compared on the {split} split, so the best of many is slightly better there than on unseen photos."
    )
