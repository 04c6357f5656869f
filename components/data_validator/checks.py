"""Statistics, anomalies and pixel counts → findings: pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from components.data_validator.findings import Finding
from components.data_validator.validation_config import ValidationConfig
from tfds_voc_seg.records.pixel_counts import CLASS_PIXELS, PixelCounts

CLASSES = "classes"


_LISTED = 5  # file names in a message


def schema_findings(
    split: str, anomalies: anomalies_pb2.Anomalies, class_names: Sequence[str], image_size: int
) -> list[Finding]:
    """Puts ExampleValidator's anomalies of a split into words.

    Args:
        split: the split's name.
        anomalies: what ExampleValidator says of it, by the curated schema.
        class_names: the names of the mask's channels, background first.
        image_size: height and width of the mask, pixels.
    """
    if anomalies.data_missing:
        return [Finding(split, None, None, "the split holds no image; give it some.", "error")]
    channels, pixels = len(class_names), image_size**2
    allowed = {
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
            f"{feature} breaks the schema ({reasons or anomaly.description}). "
            f"Each record holds {allowed.get(feature, 'no such feature')}; convert the devkit again."
        )
        is_warning = anomaly.severity == anomalies_pb2.AnomalyInfo.WARNING
        findings.append(Finding(split, feature, None, what, "warning" if is_warning else "error"))
    return findings


def images_by_class(statistics: statistics_pb2.DatasetFeatureStatistics, channels: int) -> list[int]:
    """Takes the number of images that hold each class from a split's statistics.

    Args:
        statistics: of one split, made with the curated schema.
        channels: the number of classes, background included.

    Returns:
        A count a class; ids outside 0 to channels - 1 are in none.

    Raises:
        ValueError: the statistics were made without the curated schema.
    """
    counts = [0] * channels
    for feature in statistics.features:
        if list(feature.path.step) != [CLASSES]:
            continue
        if feature.HasField("num_stats"):
            raise ValueError(
                "the statistics hold no count of each class, since `classes` was taken for a quantity; "
                "give StatisticsGen the curated schema, which declares it categorical."
            )
        for bucket in feature.string_stats.rank_histogram.buckets:
            class_id = int(bucket.label)
            if 0 <= class_id < channels:
                counts[class_id] = round(bucket.sample_count)
    return counts


def rare_class_findings(
    split: str, images: int, class_images: Sequence[int], class_names: Sequence[str], config: ValidationConfig
) -> list[Finding]:
    """Finds the classes that are absent from a split, or in fewer images than the configuration asks for.

    Args:
        split: the split's name.
        images: how many images it has.
        class_images: how many of them hold each class.
        class_names: the names of the classes, background first.
        config: `min_images_of_class` is read.
    """
    findings = []
    for name, count in zip(class_names, class_images, strict=True):
        if count >= config.min_images_of_class:
            continue
        if count:
            what = (
                f"class {name} is in {count} of {images} images, fewer than the {config.min_images_of_class} of "
                f"validation.min_images_of_class; add images of it to {split}.txt, or lower that number."
            )
        else:
            what = (
                f"class {name} is in none of the {images} images, so that nothing of it can be learnt or measured; "
                f"add images of it to {split}.txt, or take it out of data.classes."
            )
        findings.append(Finding(split, CLASSES, name, what, "warning" if count else "error"))
    return findings


def empty_mask_findings(split: str, counts: PixelCounts, config: ValidationConfig) -> list[Finding]:
    """Finds masks without any foreground, one finding for all of a split.

    Args:
        split: the split's name.
        counts: its pixels.
        config: `max_without_foreground` is read.
    """
    names = counts.without_foreground
    if len(names) <= config.max_without_foreground * counts.images:
        return []
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    what = (
        f"{len(names)} of {counts.images} masks hold{'s' if len(names) == 1 else ''} no foreground, only background "
        f"or void: {', '.join(names[:_LISTED])}{more}; correct the masks, leave such images out with "
        "data.drop_empty=true, or allow a share of them with validation.max_without_foreground."
    )
    return [Finding(split, CLASS_PIXELS, None, what, "warning")]


def pixel_shares(class_pixels: Sequence[int]) -> list[float]:
    """The share of each class in the valid pixels, 0 to 1; all 0 where there is no valid pixel."""
    valid = sum(class_pixels)
    return [pixels / valid if valid else 0.0 for pixels in class_pixels]


def share_drift(one: float, other: float) -> float:
    """How far two shares differ: their difference over the larger one.

    It is the same either way round, 0 for equal shares and 1 where one of them is 0, for frequent and rare classes
    alike; a plain difference would see nothing but background.
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
        pixels: of the two splits, the one trained on first.
        class_images: split → how many images hold each class.
        class_names: the names of the classes, background first.
        config: `max_share_drift` and `drift_min_images` are read.
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
            f"class {name} takes {train_share:.2%} of the valid pixels in {train} but {val_share:.2%} in {val}, "
            f"which differ by {drift:.0%} of the larger; {config.max_share_drift:.0%} is allowed. Divide the images "
            "so that both splits show the same kind of scenes, or raise validation.max_share_drift."
        )
        findings.append(Finding(val, CLASS_PIXELS, name, what, "warning"))
    return findings
