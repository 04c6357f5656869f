"""Exports a model as targets, measures each of them, and keeps those whose loss is small enough."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING, Any

from etils import epath

from components.saved_model.model_digest import model_digest
from components.targets.comparison import refusal
from components.targets.export import DEFAULT_BATCH, export_target
from components.targets.measurement import MeasurementError, MeasurementTimeoutError, measure
from components.targets.names import PUBLISHED_TARGETS_FOLDER
from components.targets.scoring import score_targets
from components.targets.target_folder import TargetError
from tfds_voc_seg.storage import files_below

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from components.targets.names import TargetName
    from tfds_voc_seg.records.files import Records


def export_and_score(
    saved_model: epath.PathLike,
    targets: Sequence[TargetName],
    records: Records,
    representative: Sequence[NDArray[np.uint8]],
    max_loss: float,
    threads: int,
) -> dict[str, Any]:
    """Writes the targets of a SavedModel into its `assets.extra/targets`, and removes those that lose too much.

    Args:
        saved_model: the folder of the SavedModel, on this machine.
        targets: the targets to export.
        records: the records; the split that models are compared by is scored.
        representative: for `litert_int8`, see `export_target`.
        max_loss: the largest mean IoU that a target may lose.
        threads: how many threads the measurements use.

    Returns:
        The content of `targets.json`: `split`, `max_target_loss`, `threads`; `saved_model` with its `mean_iou` and
        measurements; and `targets`, target → `published`, the `reason` if it is not, the `digest` of its folder, the
        figures of `Comparison` and the measurements. Measurements are `bytes` and those of `measure`. What could not
        be measured is missing or null.
    """
    folder = epath.Path(saved_model) / PUBLISHED_TARGETS_FOLDER
    digest = model_digest(saved_model)
    results: dict[str, dict[str, Any]] = {}
    for name in targets:
        results[name] = {"published": False}
        try:
            batch = DEFAULT_BATCH[name]
            export_target(saved_model, name, folder / name, batch=batch, representative=representative)
            results[name] |= _measurements(folder / name, threads)
        except (TargetError, MeasurementError) as error:
            results[name]["reason"] = str(error)
    usable = {name: folder / name for name in targets if "reason" not in results[name]}
    mean_iou, compared = score_targets(saved_model, usable, records, threads)
    for name, comparison in compared.items():
        reason = refusal(comparison, max_loss)
        digest_of_target = model_digest(folder / name)
        results[name] |= {"published": reason is None, "reason": reason, "digest": digest_of_target}
        results[name] |= dataclasses.asdict(comparison)
    for target, result in results.items():
        if not result["published"]:
            logging.warning("the target %s is not published: %s", target, result["reason"])
            (folder / target).rmtree(missing_ok=True)
    without_targets: dict[str, Any] = {"mean_iou": mean_iou, "digest": digest}
    try:
        without_targets |= _measurements(epath.Path(saved_model), threads)
    except MeasurementError as error:  # its time and memory are for comparison only
        logging.warning("the SavedModel was not measured: %s", error)
    split = {"split": records.evaluation_split, "max_target_loss": max_loss, "threads": threads}
    return {**split, "saved_model": without_targets, "targets": results}


def _measurements(folder: epath.Path, threads: int) -> dict[str, float]:
    files = [file for file in files_below(folder) if PUBLISHED_TARGETS_FOLDER not in str(file.relative_to(folder))]
    size: dict[str, float] = {"bytes": sum(int(file.stat().length) for file in files)}
    try:
        return {**size, **measure(folder, threads)}
    except MeasurementTimeoutError as error:  # the result is kept, and tried no second time
        logging.warning("no time and memory are known: %s", error)
        return size
