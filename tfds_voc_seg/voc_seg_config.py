"""The configuration of the TFDS dataset `voc_seg`."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, Any

import tensorflow_datasets as tfds

from tfds_voc_seg.devkit.label_sets import devkit_labels
from tfds_voc_seg.download import VOC2012_ARCHIVE, Archive
from tfds_voc_seg.image_size import size_name
from tfds_voc_seg.label_set import VOC_LABELS, LabelSet
from tfds_voc_seg.label_set_files import read_label_set
from tfds_voc_seg.record_config import ConversionConfig, RecordConfig
from tfds_voc_seg.storage import absolute_place

if TYPE_CHECKING:
    from pathlib import Path


class VocSegConfig(tfds.core.BuilderConfig):
    """Which classes the dataset has, at which size, and where the photos and masks come from.

    Attributes:
        name: TFDS stores the prepared data in a folder of this name.
        record: what a record holds.
        conversion: how the records are written to files.
        devkit: a VOC devkit on disk, used instead of the download and of `manual_dir`; `None` if there is none.
        archive: the archive to download.
    """

    def __init__(
        self,
        name: str = "",
        *,
        labels: LabelSet | str | Path | None = None,
        devkit: str | Path | None = None,
        archive: Archive = VOC2012_ARCHIVE,
        **settings: Any,
    ):
        """Makes a configuration, e.g. `VocSegConfig(image_size=96, classes=("cat", "dog"))`.

        Args:
            name: name of the configuration; by default derived from the settings.
            labels: the label set, or its file (`labels.yaml`, or CVAT's `labelmap.txt`); by default the one that
                `devkit` describes, else VOC's.
            devkit: a VOC devkit on disk, used instead of the download and of `manual_dir`.
            archive: the archive to download; pass one to download it from another address.
            **settings: fields of `RecordConfig`, `ConversionConfig` and `tfds.core.BuilderConfig` (`description` …).

        Raises:
            ValueError: a class is unknown or repeated, no class is given, the label set is invalid, or a setting has an
                invalid value.
            TypeError: a setting is unknown.
        """
        if labels is None:
            labels = VOC_LABELS if devkit is None else devkit_labels(devkit)
        elif not isinstance(labels, LabelSet):
            labels = read_label_set(labels)
        self.record = RecordConfig(labels=labels, **_remove_fields(RecordConfig, settings))
        self.conversion = ConversionConfig(**_remove_fields(ConversionConfig, settings))
        self.devkit = devkit
        self.archive = archive
        super().__init__(name=name or _derived_name(self.record, self.conversion), **settings)

    def source(self) -> dict[str, Any]:
        """Returns what determines the prepared data, as values of JSON: two configurations of one name may differ."""
        source = {
            "record": self.record.as_json(),
            "seed": self.conversion.seed,
            "on_bad_pair": self.conversion.on_bad_pair,
            "devkit": None if self.devkit is None else absolute_place(str(self.devkit)),
        }
        content: dict[str, Any] = json.loads(json.dumps(source, default=str))
        return content


def _remove_fields(config: type[RecordConfig] | type[ConversionConfig], settings: dict[str, Any]) -> dict[str, Any]:
    """Removes the fields of a configuration class from the settings and returns them."""
    return {field.name: settings.pop(field.name) for field in dataclasses.fields(config) if field.name in settings}


def _derived_name(record: RecordConfig, conversion: ConversionConfig) -> str:
    """Returns a name that differs for records that differ, because TFDS stores prepared data under it.

    The compression level is not part of the name: it does not change the decoded records. Neither is the devkit: the
    builder refuses to open data that were made from another one. Label sets other than VOC's, and merged classes, are
    told apart by a hash.
    """
    if record.labels == VOC_LABELS and all(sources == (name,) for name, sources in record.selection):
        parts = ["voc2012" if record.foreground == VOC_LABELS.foreground else "_".join(record.foreground)]
    else:
        content = json.dumps([record.labels.as_dict(), record.selection]).encode()
        parts = [f"{len(record.foreground)}_classes_{hashlib.sha256(content).hexdigest()[:12]}"]
    parts += ["original" if record.image_size is None else size_name(record.image_size)]
    parts += [record.resize] if record.resize != "stretch" else []
    parts += [str(record.short_side)] if record.short_side is not None else []
    parts += [record.image_encoding] if record.image_encoding != "png" else []
    parts += ["void_as_background"] if record.void == "background" else []
    parts += ["drop_empty"] if record.drop_empty else []
    parts += ["boxes"] if record.boxes else []
    parts += ["background_classes"] if record.background_classes else []
    parts += [f"seed_{conversion.seed}"] if conversion.seed else []
    parts += ["without_bad_pairs"] if conversion.on_bad_pair == "skip" else []
    name = "_".join(parts)
    return f"{name}_custom" if name in (config.name for config in NAMED_CONFIGS) else name


NAMED_CONFIGS = [
    VocSegConfig("voc2012_300", description="All 20 classes, 300×300."),
    VocSegConfig("voc2012_128", description="All 20 classes, 128×128.", image_size=128),
    VocSegConfig(
        "person_dog_300",
        description="Persons and dogs, 300×300; images with neither are left out.",
        classes=("person", "dog"),
        drop_empty=True,
    ),
    VocSegConfig(
        "person_dog_128",
        description="Persons and dogs, 128×128; images with neither are left out.",
        classes=("person", "dog"),
        drop_empty=True,
        image_size=128,
    ),
    VocSegConfig("voc2012_original", description="All 20 classes, at their own sizes.", image_size=None),
    VocSegConfig("voc2012_300_boxes", description="All 20 classes, 300×300, with boxes.", boxes=True),
]
"""The configurations that `tfds.load` knows by name: `voc_seg/voc2012_300` …"""
