"""The settings of the export."""

from __future__ import annotations

import pydantic

from components.strict_config import StrictConfig
from components.targets.names import TargetName


class TargetsConfig(StrictConfig):
    """Settings of the export.

    Attributes:
        targets: the targets to export beside the SavedModel.
        max_target_loss: a target whose mean IoU is more than this below that of the SavedModel is not published.
    """

    targets: tuple[TargetName, ...]
    max_target_loss: float = pydantic.Field(default=0.01, ge=0, le=1)
