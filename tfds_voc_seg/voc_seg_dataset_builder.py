"""The TFDS builder of the dataset `voc_seg`: PASCAL VOC2012 for semantic segmentation.

import tfds_voc_seg
dataset, info = tfds.load("voc_seg/voc2012_300", split="train", with_info=True, as_supervised=True)
"""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apache_beam as beam
import tensorflow_datasets as tfds
from apache_beam.options.pipeline_options import PipelineOptions
from tqdm import tqdm

from tfds_voc_seg.conversion.outcome import finish_conversion
from tfds_voc_seg.conversion.progress import report_progress
from tfds_voc_seg.conversion.shards import plan_shards
from tfds_voc_seg.conversion.write_shards import WriteShards
from tfds_voc_seg.devkit.folders import find_devkit
from tfds_voc_seg.devkit.label_sets import check_labels
from tfds_voc_seg.devkit.problems import DevkitError
from tfds_voc_seg.devkit.splits import Listing, read_splits, read_train_aug
from tfds_voc_seg.download import fetch_archive
from tfds_voc_seg.records.features import dataset_metadata, record_features
from tfds_voc_seg.visualization import register
from tfds_voc_seg.voc_seg_config import NAMED_CONFIGS, VocSegConfig

if TYPE_CHECKING:
    from etils import epath

__all__ = ["Builder", "VocSegConfig"]

_TRAIN_AUG = "train_aug"
_SPLITS = {"train": tfds.Split.TRAIN, "val": tfds.Split.VALIDATION, "test": tfds.Split.TEST}

_SOURCE_FILE = "source.json"
"""A file in the folder of prepared data: the settings that they were made with."""

_DEFAULT_BEAM_ARGS = ("--runner=DirectRunner", "--allow_unsafe_triggers")
"""Beam's options by default: run in this process, without downloading a runner."""

_DESCRIPTION = """
Photos and one-hot segmentation masks of PASCAL VOC2012, with its official train and validation splits, and a
test split if the devkit has masks for its list `test.txt` (VOC's own has none).

The mask is uint8 [height, width, classes]. A void pixel (VOC's value 255: object borders, and objects that were too
hard to label) is an all-zero row, so `reduce_max` over the classes gives the weight of each pixel in a loss or metric.
"""


register()


def _check_source(made_with: dict[str, Any], config: VocSegConfig, folder: epath.Path) -> None:
    """Checks that prepared data were made with a configuration.

    Raises:
        ValueError: a setting differs.
    """
    wanted = config.source()
    for key, value in wanted.items():
        if key in made_with and made_with[key] != value:
            raise ValueError(
                f"{folder} was made with {key} {made_with[key]}, and this configuration has {value}: give it another "
                "name, use another data_dir, or remove that folder"
            )


def _first(listing: Listing, count: int) -> Listing:
    """Returns the first pairs of a listing, for `DownloadConfig.max_examples_per_split`."""
    return listing if len(listing.pairs) <= count else Listing(listing.pairs[:count], ())


def _show_progress(bar: tqdm[Any], done: int, _total: int) -> None:
    bar.update(done - bar.n)


class Builder(tfds.core.GeneratorBasedBuilder):
    """Builds the dataset; the module's docstring shows how to load it."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "VOC2012's official train and validation splits."}  # noqa: RUF012 (TFDS's own form)
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Put an unpacked VOCdevkit here to use it instead of the download."

    BUILDER_CONFIGS = NAMED_CONFIGS

    def __init__(self, **settings: Any):
        """Opens the dataset; TFDS documents the settings.

        Raises:
            ValueError: the data folder holds a configuration of this name that was made with other settings.
        """
        super().__init__(**settings)
        file = self.data_path / _SOURCE_FILE
        if file.exists():
            _check_source(json.loads(file.read_text()), self.builder_config, self.data_path)

    def as_dataset(
        self,
        split: Any = None,
        *,
        shuffle_files: bool = False,
        read_config: tfds.ReadConfig | None = None,
        **options: Any,
    ) -> Any:
        """Reads prepared data as TFDS documents it.

        TFDS guards the order of datasets that it has not shuffled itself, and refuses `shuffle_files`. The conversion
        has shuffled this one, so the guard is off if the caller asks for shuffling.
        """
        if shuffle_files:
            read_config = (read_config or tfds.ReadConfig()).replace(enable_ordering_guard=False)
        return super().as_dataset(split, shuffle_files=shuffle_files, read_config=read_config, **options)

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description=_DESCRIPTION,
            features=record_features(self.builder_config.record),
            supervised_keys=("image", "segmentation_mask"),
            homepage="http://host.robots.ox.ac.uk/pascal/VOC/voc2012/",
            metadata=dataset_metadata(self.builder_config.record),
            disable_shuffling=True,  # the conversion shuffles, with its own seed
        )

    def _devkit(self, dl_manager: tfds.download.DownloadManager) -> Path:
        """Returns the devkit of the configuration, else one in `manual_dir`, else the downloaded one."""
        if self.builder_config.devkit is not None:
            return find_devkit(self.builder_config.devkit)
        try:
            return find_devkit(Path(dl_manager.manual_dir))
        except (AssertionError, DevkitError):  # TFDS asserts that the folder exists and is not empty
            return find_devkit(self._download(Path(dl_manager.download_dir)))

    def _download(self, folder: Path) -> Path:
        archive = self.builder_config.archive
        bar = tqdm(total=archive.size, unit="B", unit_scale=True, desc="Downloading VOC2012", leave=False)

        with bar:
            return fetch_archive(archive, folder / "voc_seg", functools.partial(_show_progress, bar))

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, None]:
        raise NotImplementedError("`_generate_splits` writes the splits, one shard at a time")

    def _generate_examples(self) -> None:
        raise NotImplementedError("`_generate_splits` writes the examples, one shard at a time")

    def _generate_splits(
        self, dl_manager: tfds.download.DownloadManager, download_config: tfds.download.DownloadConfig
    ) -> list[tfds.core.SplitInfo]:
        """Writes the shards with the same Beam transform as the pipeline's VocExampleGen.

        TFDS's own writer shuffles the records in the memory of one process. Here only the list of pairs is shuffled, so
        that memory use does not grow with the number of records.
        """
        config: VocSegConfig = self.builder_config
        conversion = config.conversion
        if download_config.num_shards:
            conversion = dataclasses.replace(conversion, num_shards=download_config.num_shards)
        devkit = self._devkit(dl_manager)
        check_labels(devkit, config.record.labels)
        listings = {str(_SPLITS[split]): listing for split, listing in read_splits(devkit).items()}
        train_aug = read_train_aug(devkit)
        if train_aug is not None:
            listings[_TRAIN_AUG] = train_aug
        if download_config.max_examples_per_split is not None:
            listings = {
                split: _first(listing, download_config.max_examples_per_split) for split, listing in listings.items()
            }
        templates = {split: self._get_filename_template(split) for split in listings}
        shards = {
            split: plan_shards(listing.pairs, templates[split], conversion) for split, listing in listings.items()
        }
        options = download_config.beam_options or PipelineOptions(list(_DEFAULT_BEAM_ARGS))
        all_shards = [shard for split_shards in shards.values() for shard in split_shards]
        bar = tqdm(total=sum(len(shard.pairs) for shard in all_shards), unit="pair", desc="Converting", leave=False)
        with (
            bar,
            report_progress(all_shards, functools.partial(_show_progress, bar)),
            beam.Pipeline(runner=download_config.beam_runner, options=options) as pipeline,
        ):
            _ = pipeline | WriteShards(all_shards, config.record)
        reports = finish_conversion(listings, shards, self.data_path, conversion)
        (self.data_path / _SOURCE_FILE).write_text(json.dumps(config.source(), indent=2))
        return [
            tfds.core.SplitInfo(
                name=split,
                shard_lengths=list(report.shard_lengths),
                num_bytes=report.num_bytes,
                filename_template=templates[split],
            )
            for split, report in reports.items()
        ]
