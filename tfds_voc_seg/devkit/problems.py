"""What can be wrong with a devkit, as data and as errors."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Problem:
    """What is wrong with one image of a split.

    Attributes:
        image_id: as it stands in the split's list.
        file: the file that is at fault.
        what: what is wrong with it.
        advice: what to do.
    """

    image_id: str
    file: str
    what: str
    advice: str

    def __str__(self) -> str:
        """The problem in one line."""
        return f"{self.image_id}: {self.file} {self.what}; {self.advice}"


class DevkitError(ValueError):
    """A devkit, or files of it, that can't be used; the message says which and what to do.

    Attributes:
        problems: the images at fault, where it is about images.
    """

    def __init__(self, message: str, problems: Sequence[Problem] = ()):
        super().__init__(message)
        self.problems = tuple(problems)


def problems_error(heading: str, problems: Sequence[Problem], shown: int = 20) -> DevkitError:
    """Makes an error of a heading and its problems, at most `shown` of them in the message."""
    lines = [f"  {problem}" for problem in problems[:shown]]
    if len(problems) > shown:
        lines.append(f"  … and {len(problems) - shown} more")
    return DevkitError("\n".join([f"{heading}:", *lines]), problems)
