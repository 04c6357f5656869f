"""The names of an evaluation's figures, light to import: key in `evaluation.json` → for people."""

FIGURES = {
    "mean_iou": "mean IoU",
    "pixel_accuracy": "pixel accuracy",
    "mean_class_accuracy": "mean class accuracy",
    "frequency_weighted_iou": "frequency-weighted IoU",
    "mean_dice": "mean Dice",
    "boundary_iou": "boundary IoU",
}
"""Figures of a whole split; each is a number or NaN."""

CLASS_FIGURES = {
    "per_class_iou": "IoU",
    "per_class_accuracy": "accuracy",
    "per_class_dice": "Dice",
    "per_class_boundary_iou": "boundary IoU",
}
"""Figures of one class."""
