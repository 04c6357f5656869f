"""The findings of DataValidator: problems in the data, and the error that lists them."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, Literal

from etils import epath

from components.run_files import VALIDATION_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclasses.dataclass(frozen=True)
class Finding:
    """A problem in the data of a split.

    Attributes:
        split: the split's name.
        feature: the record's feature that shows the problem; None if the problem concerns the whole split.
        class_name: the affected class; None if the problem concerns all classes.
        what: a sentence for the user: what is wrong and what to do.
        severity: `error` if training, or the metrics of a class, would be meaningless; else `warning`.
    """

    split: str
    feature: str | None
    class_name: str | None
    what: str
    severity: Literal["warning", "error"]

    def as_json(self) -> dict[str, Any]:
        """Returns the finding's entry in `validation.json`: split, feature, class, what, severity."""
        return {
            "split": self.split,
            "feature": self.feature,
            "class": self.class_name,
            "what": self.what,
            "severity": self.severity,
        }

    def __str__(self) -> str:
        """Returns the finding as one line."""
        return f"{self.split}: {self.what}"


class DataValidationError(ValueError):
    """The run stops because of findings in the data; the message lists them, one per line.

    Attributes:
        findings: all findings.
    """

    def __init__(self, findings: Sequence[Finding]):
        number = "1 problem" if len(findings) == 1 else f"{len(findings)} problems"
        lines = [f"{number} in the data, and validation.on_anomaly is stop:", *(f"  {finding}" for finding in findings)]
        super().__init__(
            "\n".join([*lines, "Correct the data, or set validation.on_anomaly=warn to train despite the problems."])
        )
        self.findings = tuple(findings)


def write_findings(folder: epath.PathLike, findings: Iterable[Finding]) -> None:
    """Writes `validation.json` to a folder, which is created if it does not exist."""
    epath.Path(folder).mkdir(parents=True, exist_ok=True)
    text = json.dumps([finding.as_json() for finding in findings], indent=2, ensure_ascii=False)
    (epath.Path(folder) / VALIDATION_FILE).write_text(text + "\n")
