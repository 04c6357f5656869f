"""The problems of a devkit, as data and as errors."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Problem:
    """A problem of one image of a split.

    Attributes:
        image_id: the image id in the split's list.
        file: the file that has the problem.
        what: what is wrong with the file.
        advice: how to fix it.
    """

    image_id: str
    file: str
    what: str
    advice: str

    def __str__(self) -> str:
        """Returns the problem as one line."""
        return f"{self.image_id}: {self.file} {self.what}; {self.advice}"


class DevkitError(ValueError):
    """A devkit, or some of its files, cannot be used; the message names them and says what to do.

    Attributes:
        problems: the problems of single images, if the error is about images.
    """

    def __init__(self, message: str, problems: Sequence[Problem] = ()):
        super().__init__(message)
        self.problems = tuple(problems)


def problems_error(heading: str, problems: Sequence[Problem], shown: int = 20) -> DevkitError:
    """Returns an error whose message has the heading and at most `shown` of the problems."""
    lines = [f"  {problem}" for problem in problems[:shown]]
    if len(problems) > shown:
        lines.append(f"  … and {len(problems) - shown} more")
    return DevkitError("\n".join([f"{heading}:", *lines]), problems)
