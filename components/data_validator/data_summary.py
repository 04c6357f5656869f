"""A summary of each split for the report: the same numbers that the validation checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tensorflow_metadata.proto.v0 import statistics_pb2

    from tfds_voc_seg.records.pixel_counts import PixelCounts


def split_summary(
    statistics: statistics_pb2.DatasetFeatureStatistics,
    class_images: Sequence[int],
    counts: PixelCounts | None,
    class_names: Sequence[str],
) -> dict[str, Any]:
    """Summarizes a split.

    Args:
        statistics: the split's statistics, as StatisticsGen writes them.
        class_images: the number of images of each class.
        counts: the pixels of the split's masks; `None` if the records violate the schema and cannot be counted.
        class_names: the names of the classes, background first.

    Returns:
        JSON values: `images`, `class_images` (name → number of images), `class_pixels` (name → pixels at the records'
        size; null without `counts`), `void_pixels`, `without_foreground` (number of masks; null without `counts`), and
        `height` and `width` of the original photos (`min`, `median`, `max`). Values that the statistics do not contain
        are null.
    """
    numbers = {
        feature.path.step[0]: feature.num_stats for feature in statistics.features if feature.HasField("num_stats")
    }
    void = numbers.get("void_pixels")
    return {
        "images": int(statistics.num_examples),
        "class_images": dict(zip(class_names, class_images, strict=True)),
        "class_pixels": dict(zip(class_names, counts.class_pixels, strict=True)) if counts else None,
        "void_pixels": round(void.mean * void.common_stats.num_non_missing) if void else None,
        "without_foreground": len(counts.without_foreground) if counts else None,
        **{side: _range(numbers.get(side)) for side in ("height", "width")},
    }


def _range(numbers: statistics_pb2.NumericStatistics | None) -> dict[str, int] | None:
    if numbers is None or not numbers.common_stats.num_non_missing:
        return None
    return {"min": round(numbers.min), "median": round(numbers.median), "max": round(numbers.max)}
