"""What an import took, what it dropped, and why."""

from __future__ import annotations

import collections
import dataclasses
import json
import os
from typing import TYPE_CHECKING, Any, Literal

from tfds_voc_seg.printable import printable_line

if TYPE_CHECKING:
    from pathlib import Path

REPORT_FILE = "import_report.json"
"""The report's name in the devkit."""

FindingKind = Literal["image", "object", "note"]

_EXAMPLES = 3  # names in a row of the printed table


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something that the import did not take as it was.

    Attributes:
        kind: `image`: a photo or an image was dropped. `object`: one object of an image was dropped or became void.
            `note`: the image was taken, and the user should know something about it.
        reason: a short reason that groups findings.
        image: the name of the image in the source.
        detail: what was found.
    """

    kind: FindingKind
    reason: str
    image: str
    detail: str = ""


@dataclasses.dataclass
class ImportReport:
    """The report of an import; readers and writer add to it.

    Attributes:
        findings: what was dropped or is worth knowing.
        splits: split → the number of images.
        photos: what became of the photos (`linked`, `copied`, `converted`, `extracted`) → the number of photos.
        image_ids: id in the devkit → name in the source, for the ids that are not the name.
        class_ids: class name → its id in the devkit's masks.
    """

    findings: list[Finding] = dataclasses.field(default_factory=list)
    splits: dict[str, int] = dataclasses.field(default_factory=dict)
    photos: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    image_ids: dict[str, str] = dataclasses.field(default_factory=dict)
    class_ids: dict[str, int] = dataclasses.field(default_factory=dict)

    def drop_image(self, reason: str, image: str, detail: str = "") -> None:
        """Reports an image that is not taken."""
        self.findings.append(Finding("image", reason, image, detail))

    def drop_object(self, reason: str, image: str, detail: str = "") -> None:
        """Reports an object that is not taken as what it was."""
        self.findings.append(Finding("object", reason, image, detail))

    def note(self, reason: str, image: str, detail: str = "") -> None:
        """Reports something about an image that is taken."""
        self.findings.append(Finding("note", reason, image, detail))

    @property
    def taken(self) -> int:
        """The number of images that were taken."""
        return sum(self.splits.values())

    def as_json(self, **about: Any) -> str:
        """Returns the content of the report's file; `about` comes first."""
        findings = [dataclasses.asdict(finding) for finding in self.findings]
        content = {
            **about,
            "taken": self.splits,
            "photos": dict(self.photos),
            "class_ids": self.class_ids,
            "counts": {f"{kind}: {reason}": len(found) for (kind, reason), found in self.grouped().items()},
            "findings": findings,
            "image_ids": self.image_ids,
        }
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"

    def grouped(self) -> dict[tuple[FindingKind, str], list[Finding]]:
        """Returns the findings by kind and reason: images first, then objects and notes, most frequent first."""
        groups: dict[tuple[FindingKind, str], list[Finding]] = {}
        for finding in self.findings:
            groups.setdefault((finding.kind, finding.reason), []).append(finding)
        kinds = ("image", "object", "note")
        return dict(sorted(groups.items(), key=lambda group: (kinds.index(group[0][0]), -len(group[1]))))

    def text(self, source: Path) -> str:
        """Returns the report for a terminal: what was taken, and a line with examples for each reason.

        Args:
            source: the source; paths in it are shown without it.
        """
        splits = ", ".join(f"{count} {split}" for split, count in self.splits.items())
        photos = ", ".join(f"{count} {what}" for what, count in sorted(self.photos.items()))
        lines = [f"taken: {self.taken} images ({splits}); photos: {photos}" if self.taken else "taken: nothing"]
        lines += [f"{split} is empty, and a run needs it" for split, count in self.splits.items() if not count]
        heads = {"image": "images dropped", "object": "objects", "note": "note"}
        for (kind, reason), found in self.grouped().items():
            examples = "; ".join(
                printable_line(f"{one.image} ({one.detail})" if one.detail else one.image) for one in found[:_EXAMPLES]
            )
            more = "; …" if len(found) > _EXAMPLES else ""
            line = f"{heads[kind]}: {len(found)} × {reason}: {examples}{more}"
            lines.append(line.replace(f"{source}{os.sep}", ""))
        return "\n".join(lines)
