"""What the checks of the smoke test expect; like the checks, it imports none of this project's other code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class CheckError(Exception):
    """A check failed; the message says why."""


def expect(condition: bool, problem: str) -> None:
    """Raises `CheckError` with the problem, unless the condition holds."""
    if not condition:
        raise CheckError(problem)


def expect_same(name: str, differs: NDArray[np.bool_]) -> None:
    """Raises `CheckError` if a signature's class map differs from the evaluation's in any pixel."""
    pixels = f"{int(differs.sum())} of {differs.size} pixels"
    expect(not differs.any(), f"{name} returns another class than the evaluation in {pixels}")


def expect_shape(what: str, values: NDArray[Any], shape: tuple[int, ...]) -> None:
    """Raises `CheckError` if an output has another shape."""
    expect(values.shape == shape, f"{what} has the shape {values.shape}, not {shape}")


def one_line(error: BaseException) -> str:
    """Returns an error's type and message in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
