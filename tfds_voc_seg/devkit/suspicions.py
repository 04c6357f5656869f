"""What looks wrong in the masks of a split although every mask can be read: a wrong label set is the usual cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfds_voc_seg.label_set import VOC_LABELS
from tfds_voc_seg.label_set_files import LABELS_FILE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tfds_voc_seg.label_set import LabelSet

MAX_VOID_SHARE = 0.4
"""The largest share of void that is not suspicious; VOC's own masks have 5 %."""

_SHOWN = 8  # names in a message


def suspicions(void_share: float, absent: Sequence[str], labels: LabelSet) -> tuple[str, ...]:
    """Returns one sentence per suspicion, with the likely cause and the setting that corrects it.

    Args:
        void_share: the share of void in the pixels of the split, 0 to 1.
        absent: the classes that occur in no mask of the split.
        labels: the label set that the masks were read with.
    """
    found = []
    foreground = [name for name in labels.foreground if name in absent]
    only_void = bool(foreground) and len(foreground) == len(labels.foreground) and void_share > 0
    if only_void:
        void = ", ".join(map(str, labels.void_ids)) or "a colour"
        found.append(
            f"no mask shows any class, only {labels.background or 'void'} and void ({void}): if void marks an object, "
            f"as in masks of 0 and 255, describe the class in {LABELS_FILE} with `masks: binary`"
        )
    elif void_share > MAX_VOID_SHARE:
        found.append(
            f"{void_share:.0%} of the pixels are void: most likely a value of the masks is listed as void that means a "
            f"class; correct void in {LABELS_FILE}"
        )
    # A devkit with some of VOC's classes is usual; one that describes its classes should show them all.
    if foreground and not only_void and (labels != VOC_LABELS or len(foreground) == len(labels.foreground)):
        listed = ", ".join(foreground[:_SHOWN]) + (", …" if len(foreground) > _SHOWN else "")
        found.append(
            f"no mask shows {listed}: if the masks do show it, its id or colour in {LABELS_FILE} is wrong; look at "
            "`vocseg data show`"
        )
    return tuple(found)
