"""The checks of the data, as pure functions from statistics, anomalies and pixel counts to findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from components.data_validator.findings import Finding
from tfds_voc_seg.records.pixel_counts import CLASS_PIXELS, VOID_PIXELS, PixelCounts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from components.data_validator.validation_config import ValidationConfig

CLASSES = "classes"
_MAX_LISTED_NAMES = 5


def schema_findings(
    split: str, anomalies: anomalies_pb2.Anomalies, class_names: Sequence[str], pixels: int
) -> list[Finding]:
    """Converts ExampleValidator's anomalies of a split to findings.

    Args:
        split: the split's name.
        anomalies: the split's anomalies, computed with the curated schema.
        class_names: the names of the mask's channels, background first.
        pixels: the largest number of pixels of a mask.
    """
    if anomalies.data_missing:
        return [Finding(split, None, None, f"the split has no images; add images to {split}.txt.", "error")]
    channels = len(class_names)
    expected = {
        CLASSES: f"1 to {channels} class ids, each 0 to {channels - 1}",
        CLASS_PIXELS: f"{channels} numbers of pixels, each 0 to {pixels}",
        "void_pixels": f"a number of pixels, 0 to {pixels}",
        "height": "a number of pixels, at least 1",
        "width": "a number of pixels, at least 1",
        "filename": "the VOC image id",
    }
    findings = []
    for feature, anomaly in sorted(anomalies.anomaly_info.items()):
        reasons = " ".join(f"{reason.short_description}: {reason.description}" for reason in anomaly.reason)
        what = (
            f"{feature} violates the schema ({reasons or anomaly.description}). "
            f"Expected in each record: {expected.get(feature, 'no such feature')}. Convert the devkit again."
        )
        is_warning = anomaly.severity == anomalies_pb2.AnomalyInfo.WARNING
        findings.append(Finding(split, feature, None, what, "warning" if is_warning else "error"))
    return findings


def images_by_class(statistics: statistics_pb2.DatasetFeatureStatistics, channels: int) -> list[int]:
    """Reads the number of images of each class from a split's statistics.

    Args:
        statistics: the split's statistics, computed with the curated schema.
        channels: the number of classes, including background.

    Returns:
        One number per class; ids outside 0 to channels - 1 are ignored.

    Raises:
        ValueError: the statistics were computed without the curated schema.
    """
    counts = [0] * channels
    for feature in statistics.features:
        if list(feature.path.step) != [CLASSES]:
            continue
        if feature.HasField("num_stats"):
            raise ValueError(
                "the statistics contain no count per class, because they treat `classes` as a numeric feature; "
                "pass the curated schema, which declares it categorical, to StatisticsGen."
            )
        for bucket in feature.string_stats.rank_histogram.buckets:
            class_id = int(bucket.label)
            if 0 <= class_id < channels:
                counts[class_id] = round(bucket.sample_count)
    return counts


def rare_class_findings(
    split: str, images: int, class_images: Sequence[int], class_names: Sequence[str], config: ValidationConfig
) -> list[Finding]:
    """Finds the classes with fewer images in a split than the configuration requires.

    Args:
        split: the split's name.
        images: the number of images in the split.
        class_images: the number of images of each class.
        class_names: the names of the classes, background first.
        config: only `min_images_of_class` is used.
    """
    findings = []
    for name, count in zip(class_names, class_images, strict=True):
        if count >= config.min_images_of_class:
            continue
        if count:
            what = (
                f"class {name} occurs in only {count} of {images} images, but validation.min_images_of_class is "
                f"{config.min_images_of_class}; add images of this class to {split}.txt, or lower the setting."
            )
        else:
            what = (
                f"class {name} occurs in none of the {images} images, so it cannot be learned or measured; if the "
                "masks show it, the label set gives it a wrong id or colour (see `vocseg data show`), otherwise add "
                f"images of this class to {split}.txt, or remove it from data.classes."
            )
        findings.append(Finding(split, CLASSES, name, what, "warning" if count else "error"))
    return findings


def empty_mask_findings(split: str, counts: PixelCounts, config: ValidationConfig) -> list[Finding]:
    """Finds masks without foreground; returns at most one finding for the split.

    Args:
        split: the split's name.
        counts: the pixels of the split's masks.
        config: only `max_without_foreground` is used.
    """
    names = counts.without_foreground
    if len(names) <= config.max_without_foreground * counts.images:
        return []
    more = f" and {len(names) - _MAX_LISTED_NAMES} more" if len(names) > _MAX_LISTED_NAMES else ""
    what = (
        f"{len(names)} of {counts.images} masks contain{'s' if len(names) == 1 else ''} only background or void: "
        f"{', '.join(names[:_MAX_LISTED_NAMES])}{more}; correct the masks, exclude such images with "
        "data.drop_empty=true, or allow a share of them with validation.max_without_foreground."
    )
    return [Finding(split, CLASS_PIXELS, None, what, "warning")]


def void_findings(split: str, counts: PixelCounts, config: ValidationConfig) -> list[Finding]:
    """Finds a share of void that no correct masks have; returns at most one finding for the split.

    Args:
        split: the split's name.
        counts: the pixels of the split's masks.
        config: only `max_void_share` is used.
    """
    share = counts.void_share
    if share <= config.max_void_share:
        return []
    what = (
        f"{share:.0%} of the pixels are void, above validation.max_void_share of {config.max_void_share:.0%}: most "
        "likely the mask value of a class is taken for void, such as 255 in masks of 0 and 255. Correct the void "
        "ids or set `masks: binary` in labels.yaml. In a label set without a background, classes that are not selected "
        "are void."
    )
    return [Finding(split, VOID_PIXELS, None, what, "warning")]


def pixel_shares(class_pixels: Sequence[int]) -> list[float]:
    """Returns the share of each class in the valid pixels, 0 to 1; all 0 if there is no valid pixel."""
    valid = sum(class_pixels)
    return [pixels / valid if valid else 0.0 for pixels in class_pixels]


def share_drift(one: float, other: float) -> float:
    """Returns the difference between two shares, divided by the larger one.

    The result is symmetric: 0 for equal shares, 1 if one share is 0. It treats frequent and rare classes alike; an
    absolute difference would be dominated by the background.
    """
    larger = max(one, other)
    return abs(one - other) / larger if larger else 0.0


def drift_findings(
    pixels: Mapping[str, PixelCounts],
    class_images: Mapping[str, Sequence[int]],
    class_names: Sequence[str],
    config: ValidationConfig,
) -> list[Finding]:
    """Finds the classes whose share of the valid pixels differs too much between two splits.

    Args:
        pixels: split → the pixels of its masks, for exactly two splits, the training split first.
        class_images: split → the number of images of each class.
        class_names: the names of the classes, background first.
        config: only `max_share_drift` and `drift_min_images` are used.
    """
    (train, train_counts), (val, val_counts) = pixels.items()
    findings = []
    for index, (name, train_share, val_share) in enumerate(
        zip(class_names, pixel_shares(train_counts.class_pixels), pixel_shares(val_counts.class_pixels), strict=True)
    ):
        drift = share_drift(train_share, val_share)
        images = min(class_images[train][index], class_images[val][index])
        if images < config.drift_min_images or drift <= config.max_share_drift:
            continue
        what = (
            f"class {name} covers {train_share:.2%} of the valid pixels in {train} but {val_share:.2%} in {val}; "
            f"the difference is {drift:.0%} of the larger share, and {config.max_share_drift:.0%} is allowed. Split "
            "the images so that both splits show similar scenes, or raise validation.max_share_drift."
        )
        findings.append(Finding(val, CLASS_PIXELS, name, what, "warning"))
    return findings
