"""Writes the folder of a release: flat files, as a release page holds them."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from components.networks.layer_weights import write_layer_weights
from components.run_files import (
    ASSETS_FOLDER,
    CHECKSUMS_FILE,
    DESCRIPTION_FILE,
    LAYER_WEIGHTS_FILE,
    MODEL_CARD_FILE,
    PUBLICATION_FILE,
    RELEASED_CARD_FILE,
    RELEASED_FIGURES_FILE,
    RELEASED_MODEL_FILE,
    RELEASED_PRESET_FILE,
)
from components.saved_model.description import read_description
from components.saved_model.serving_folder import latest_version
from pipeline.release.network import ReleaseError, restore_network
from tfds_voc_seg.storage import file_sha256, written_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.saved_model.description import ModelDescription
    from pipeline.config.schema import CandidateConfig, RunConfig

MODEL_FOLDER = "model"
"""The SavedModel's folder inside the archive."""


def write_release(config: RunConfig, summary: Mapping[str, Any], folder: Path) -> None:
    """Writes the model in service of a finished run as a release; complete or not at all.

    The folder then contains the SavedModel as an archive, the weights of its layers by name (for the option `weights`
    of a network), its description, its model card, the run's preset, its figures, and the checksums of all these.

    Args:
        config: the run.
        summary: the content of its `summary.json`.
        folder: the folder to write; it must not exist.

    Raises:
        ReleaseError: no model is in service; the one in service was not trained with the settings of this run, so that
            the preset would be that of another model; or its network cannot be created again.
        OSError: a file cannot be written.
    """
    version = latest_version(config.serving_folder)
    if version is None:
        raise ReleaseError(f"no model is in service in {config.serving_folder}, so there are no weights to publish")
    _check_settings(Path(version), config, summary)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(folder) as unfinished:
        unfinished.mkdir()
        _write_files(version, config, summary, unfinished)


def _check_settings(version: Path, config: RunConfig, summary: Mapping[str, Any]) -> None:
    """Checks that the model in service is that of this run, or of an earlier one with the same settings."""
    published = summary["published"]
    if published and Path(published).name != version.name:
        raise ReleaseError(f"{version} was put into service after this run: run again")
    description = read_description(version)
    if not published and not any(_is_trained_as(description, config, each) for each in config.candidates.values()):
        raise ReleaseError(
            f"this run published nothing, and {version}, the model in service, was trained with other settings: "
            "run its own preset with --publish-weights"
        )


def _is_trained_as(description: ModelDescription, config: RunConfig, candidate: CandidateConfig) -> bool:
    """Compares what both name: another version of this project may know other settings of the training."""
    training = candidate.training.model_dump(mode="json")
    before = json.loads(json.dumps(description.training))
    return (
        (description.network, description.options) == (candidate.network, candidate.options)
        and (description.image_size, description.class_names) == (config.data.image_size, config.data.class_names)
        and all(before[name] == training[name] for name in before.keys() & training.keys())
    )


def _write_files(version: Path, config: RunConfig, summary: Mapping[str, Any], folder: Path) -> None:
    write_layer_weights(restore_network(version), folder / LAYER_WEIGHTS_FILE)
    with tarfile.open(folder / RELEASED_MODEL_FILE, "w:gz", compresslevel=1) as archive:  # weights hardly compress
        archive.add(version, MODEL_FOLDER, filter=_without_origin)
    shutil.copyfile(version / ASSETS_FOLDER / DESCRIPTION_FILE, folder / DESCRIPTION_FILE)
    shutil.copyfile(version / MODEL_CARD_FILE, folder / RELEASED_CARD_FILE)
    (folder / RELEASED_PRESET_FILE).write_text(yaml.safe_dump(_preset(config), sort_keys=False))
    (folder / RELEASED_FIGURES_FILE).write_text(json.dumps(_figures(summary), indent=2) + "\n")
    lines = [f"{file_sha256(file)}  {file.name}\n" for file in sorted(folder.iterdir())]
    (folder / CHECKSUMS_FILE).write_text("".join(lines))


def _without_origin(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leaves out where the model was published on this machine, and whose the files are."""
    if entry.name == f"{MODEL_FOLDER}/{PUBLICATION_FILE}":
        return None
    return entry.replace(uid=0, gid=0, uname="", gname="", deep=False)


def _preset(config: RunConfig) -> dict[str, Any]:
    """Returns the settings that differ from the defaults, without places and clusters, which others do not have."""
    settings = config.model_dump(mode="json", exclude_defaults=True, exclude={"output", "kubeflow", "beam", "tracking"})
    if settings["data"].get("devkit") != "sample":
        settings["data"].pop("devkit", None)
    return settings


def _figures(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the figures of the model in service: of the candidate that this run published, or of an earlier one."""
    figures = summary["candidates"][summary["selected"]] if summary["published"] else summary["baseline"]
    return {"split": summary["evaluation_split"], "void": summary["void"], **(figures or {})}
