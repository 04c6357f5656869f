"""Training curves as a picture."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

from etils import epath
from matplotlib.figure import Figure

_PANELS = {"loss": "loss", "mean_iou": "mean IoU (void left out)", "accuracy": "pixel accuracy"}


def draw_curves(histories: Mapping[str, Mapping[str, Sequence[float | None]]], file: epath.Path) -> None:
    """Draws trainings side by side: loss, mean IoU and pixel accuracy, val as lines, train as thin dashes.

    Args:
        histories: candidate → metric → its value at the end of each epoch; metrics of the val split begin with `val_`.
        file: where the PNG goes.
    """
    figure = Figure(figsize=(13, 4), layout="constrained")
    for axes, (metric, title) in zip(figure.subplots(1, len(_PANELS)), _PANELS.items(), strict=True):
        for number, (candidate, history) in enumerate(histories.items()):
            for split, prefix, style in (("val", "val_", "-"), ("train", "", "--")):
                values = history[prefix + metric]
                axes.plot(
                    range(1, len(values) + 1),
                    values,
                    style,
                    color=f"C{number}",
                    linewidth=1.8 if split == "val" else 0.9,
                    label=f"{candidate} {split}".strip(),
                )
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.set_ylim(bottom=0, top=None if metric == "loss" else 1)
    axes.legend(loc="lower right")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    file.write_bytes(picture.getvalue())
