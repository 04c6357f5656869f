"""Segmentation metrics in NumPy: counts of pixels per image, and the metrics computed from their sums.

This file holds the names of the metrics and imports nothing, so that configurations and pages can read them quickly.
"""

METRIC_NAMES = {
    "mean_iou": "mean IoU",
    "pixel_accuracy": "pixel accuracy",
    "mean_class_accuracy": "mean class accuracy",
    "frequency_weighted_iou": "frequency-weighted IoU",
    "mean_dice": "mean Dice",
    "boundary_iou": "boundary IoU",
}
"""Metrics of a whole split: key in `evaluation.json` → label. Each value is a number or NaN."""

CLASS_METRIC_NAMES = {
    "per_class_iou": "IoU",
    "per_class_accuracy": "accuracy",
    "per_class_dice": "Dice",
    "per_class_boundary_iou": "boundary IoU",
}
"""Metrics of each class: key in `evaluation.json` → label."""
