"""What DataValidator finds, as data and in words."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from etils import epath

from components.run_files import VALIDATION_FILE


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something about the data that a person should know before training on it.

    Attributes:
        split: where it is.
        feature: the record's feature that shows it; None for the split as a whole.
        class_name: the class it is about; None for all of them.
        what: what is wrong and what to do, for people.
        severity: `error` for what makes training or the figures of a class pointless, else `warning`.
    """

    split: str
    feature: str | None
    class_name: str | None
    what: str
    severity: Literal["warning", "error"]

    def as_json(self) -> dict[str, Any]:
        """The finding as it stands in `validation.json`: split, feature, class, what, severity."""
        return {
            "split": self.split,
            "feature": self.feature,
            "class": self.class_name,
            "what": self.what,
            "severity": self.severity,
        }

    def __str__(self) -> str:
        """The finding in one line."""
        return f"{self.split}: {self.what}"


class DataValidationError(ValueError):
    """Data that is not to be trained on; the message lists all findings, a line each."""

    def __init__(self, findings: Sequence[Finding]):
        found = "a finding" if len(findings) == 1 else f"{len(findings)} findings"
        lines = [f"{found} in the data, and validation.on_anomaly is stop:", *(f"  {finding}" for finding in findings)]
        super().__init__(
            "\n".join([*lines, "Correct the data, or go on all the same with validation.on_anomaly=warn."])
        )
        self.findings = tuple(findings)


def write_findings(folder: epath.PathLike, findings: Iterable[Finding]) -> None:
    """Writes `validation.json` into a folder, which is made."""
    epath.Path(folder).mkdir(parents=True, exist_ok=True)
    text = json.dumps([finding.as_json() for finding in findings], indent=2, ensure_ascii=False)
    (epath.Path(folder) / VALIDATION_FILE).write_text(text + "\n")
