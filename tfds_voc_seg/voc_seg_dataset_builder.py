"""PASCAL VOC2012 segmentation as a TFDS dataset.

import tfds_voc_seg
dataset, info = tfds.load("voc_seg/voc2012_300", split="train", with_info=True, as_supervised=True)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import apache_beam as beam
import tensorflow_datasets as tfds
from apache_beam.options.pipeline_options import PipelineOptions
from tqdm import tqdm

from tfds_voc_seg.conversion.outcome import finish_conversion
from tfds_voc_seg.conversion.progress import watched
from tfds_voc_seg.conversion.shards import ConversionConfig, plan_shards
from tfds_voc_seg.conversion.write_shards import WriteShards
from tfds_voc_seg.devkit.folders import find_devkit
from tfds_voc_seg.devkit.problems import DevkitError
from tfds_voc_seg.devkit.splits import read_splits, read_train_aug
from tfds_voc_seg.download import VOC2012_ARCHIVE, Archive, fetch_archive
from tfds_voc_seg.labels import VOC_CLASSES
from tfds_voc_seg.record_config import ImageEncoding, OnBadPair, RecordConfig, VoidTreatment
from tfds_voc_seg.records.features import record_features
from tfds_voc_seg.visualization import register

_TRAIN_AUG = "train_aug"
_SPLITS = {"train": tfds.Split.TRAIN, "val": tfds.Split.VALIDATION}

_NAMED_CONFIGS = (
    "voc2012_300",
    "voc2012_128",
    "voc2012_original",
    "voc2012_300_boxes",
    "person_dog_300",
    "person_dog_128",
)

_IN_PROCESS = ("--runner=DirectRunner", "--allow_unsafe_triggers")
"""Beam's options where none are given: in this process, with nothing to download."""

_DESCRIPTION = """
Photos and one-hot segmentation masks of PASCAL VOC2012, with its official train and validation splits.

The mask is uint8 [height, width, classes]; a void pixel (VOC's value 255: object borders and what is too hard to label)
is an all-zero row, so `reduce_max` over the classes gives the weight of each pixel in a loss or metric.
"""


@dataclasses.dataclass(eq=False)
class VocSegConfig(tfds.core.BuilderConfig):
    """A selection of classes at a size.

    Attributes:
        name: the folder that TFDS keeps the prepared data in; made from the other settings where it is empty.
        image_size: height and width of image and mask, pixels; `None` leaves each at its own size.
        classes: VOC's foreground classes to keep; all others become background.
        void: `"ignore"` keeps void as all-zero rows, `"background"` makes it background.
        drop_empty: leave out images that hold none of the classes.
        image_encoding: `"png"` (lossless) or `"jpeg"`.
        mask_compression_level: zlib's, 1 (fastest) to 9 (smallest); the tensors are the same.
        boxes: with the objects of the devkit's annotations too.
        background_classes: tell too which of VOC's other classes the background consists of.
        num_shards: files a split.
        seed: of the shuffling.
        on_bad_pair: `"fail"` lists all bad pairs and fails, `"skip"` leaves them out (see `rejects.jsonl`).
        max_bad_fraction: with `"skip"`, fail if more than this share of a split is bad.
        devkit: a VOC devkit on disk, in place of the download and of `manual_dir`.
        archive: the official archive; another address of it may be given here.
    """

    name: str = ""
    image_size: int | None = 300
    classes: Sequence[str] = VOC_CLASSES[1:]
    void: VoidTreatment = "ignore"
    drop_empty: bool = False
    image_encoding: ImageEncoding = "png"
    mask_compression_level: int = 7
    boxes: bool = False
    background_classes: bool = False
    num_shards: int = 4
    seed: int = 0
    on_bad_pair: OnBadPair = "fail"
    max_bad_fraction: float = 0.1
    devkit: str | Path | None = None
    archive: Archive = VOC2012_ARCHIVE

    def __post_init__(self) -> None:
        self.name = self.name or self._own_name()
        self.record_config()  # refuses unknown classes

    def record_config(self) -> RecordConfig:
        """What a record holds."""
        return RecordConfig(
            image_size=self.image_size,
            classes=tuple(self.classes),
            void=self.void,
            image_encoding=self.image_encoding,
            mask_compression_level=self.mask_compression_level,
            drop_empty=self.drop_empty,
            boxes=self.boxes,
            background_classes=self.background_classes,
        )

    def conversion_config(self) -> ConversionConfig:
        """How the records are dealt out to files."""
        return ConversionConfig(self.num_shards, self.seed, self.on_bad_pair, self.max_bad_fraction)

    def _own_name(self) -> str:
        """A name that tells this configuration from others, since TFDS files prepared data under it."""
        classes = "voc2012" if tuple(self.classes) == VOC_CLASSES[1:] else "_".join(self.classes)
        parts = [classes, str(self.image_size or "original")]
        parts += [self.image_encoding] if self.image_encoding != "png" else []
        parts += ["void_as_background"] if self.void == "background" else []
        parts += ["drop_empty"] if self.drop_empty else []
        parts += ["boxes"] if self.boxes else []
        parts += ["background_classes"] if self.background_classes else []
        name = "_".join(parts)
        return f"{name}_custom" if name in _NAMED_CONFIGS else name


register()


class Builder(tfds.core.GeneratorBasedBuilder):
    """PASCAL VOC2012 segmentation; see the module's docstring."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "VOC2012's official train and validation splits."}  # noqa: RUF012 (TFDS's own form)
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Put an unpacked VOCdevkit here to use it in place of the download."

    BUILDER_CONFIGS = [  # noqa: RUF012 (TFDS's own form)
        VocSegConfig(name="voc2012_300", description="All 20 classes, 300×300."),
        VocSegConfig(name="voc2012_128", description="All 20 classes, 128×128.", image_size=128),
        VocSegConfig(
            name="person_dog_300",
            description="Persons and dogs, 300×300; images with neither are left out.",
            classes=("person", "dog"),
            drop_empty=True,
        ),
        VocSegConfig(
            name="person_dog_128",
            description="Persons and dogs, 128×128; images with neither are left out.",
            classes=("person", "dog"),
            drop_empty=True,
            image_size=128,
        ),
        VocSegConfig(name="voc2012_original", description="All 20 classes, at their own sizes.", image_size=None),
        VocSegConfig(name="voc2012_300_boxes", description="All 20 classes, 300×300, with boxes.", boxes=True),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description=_DESCRIPTION,
            features=record_features(self.builder_config.record_config()),
            supervised_keys=("image", "segmentation_mask"),
            homepage="http://host.robots.ox.ac.uk/pascal/VOC/voc2012/",
            disable_shuffling=True,  # the conversion shuffles, with its own seed
        )

    def _devkit(self, dl_manager: tfds.download.DownloadManager) -> Path:
        """The devkit: the configuration's, else one in `manual_dir`, else the official download."""
        if self.builder_config.devkit is not None:
            return find_devkit(self.builder_config.devkit)
        try:
            return find_devkit(Path(dl_manager.manual_dir))
        except (AssertionError, DevkitError):  # TFDS asserts that the folder exists and holds something
            return find_devkit(self._download(Path(dl_manager.download_dir)))

    def _download(self, folder: Path) -> Path:
        archive = self.builder_config.archive
        bar = tqdm(total=archive.size, unit="B", unit_scale=True, desc="Downloading VOC2012", leave=False)

        def advance(have: int, size: int) -> None:
            bar.update(have - bar.n)

        with bar:
            return fetch_archive(archive, folder / "voc_seg", advance)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, None]:
        raise NotImplementedError("the splits are written by `_generate_splits`, whole shards at a time")

    def _generate_examples(self) -> None:
        raise NotImplementedError("the examples are written by `_generate_splits`, whole shards at a time")

    def _generate_splits(
        self, dl_manager: tfds.download.DownloadManager, download_config: tfds.download.DownloadConfig
    ) -> list[tfds.core.SplitInfo]:
        """Writes the shards by the same job as the pipeline's VocExampleGen.

        TFDS's own writer shuffles through one process's memory; this one stays flat (one element a shard).
        """
        config: VocSegConfig = self.builder_config
        devkit = self._devkit(dl_manager)
        listings = {str(_SPLITS[split]): listing for split, listing in read_splits(devkit).items()}
        train_aug = read_train_aug(devkit)
        if train_aug is not None:
            listings[_TRAIN_AUG] = train_aug
        templates = {split: self._get_filename_template(split) for split in listings}
        shards = {
            split: plan_shards(listing.pairs, templates[split], config.conversion_config())
            for split, listing in listings.items()
        }
        options = download_config.beam_options or PipelineOptions(list(_IN_PROCESS))
        all_shards = [shard for split_shards in shards.values() for shard in split_shards]
        bar = tqdm(total=sum(len(shard.pairs) for shard in all_shards), unit="pair", desc="Converting", leave=False)

        def advance(done: int, total: int) -> None:
            bar.update(done - bar.n)

        with (
            bar,
            watched(all_shards, advance),
            beam.Pipeline(runner=download_config.beam_runner, options=options) as pipeline,
        ):
            _ = pipeline | WriteShards(all_shards, config.record_config())
        reports = finish_conversion(listings, shards, self.data_path, config.conversion_config())
        return [
            tfds.core.SplitInfo(
                name=split,
                shard_lengths=list(report.shard_lengths),
                num_bytes=report.num_bytes,
                filename_template=templates[split],
            )
            for split, report in reports.items()
        ]
