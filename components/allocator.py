"""Configures how a process manages memory; above all, makes glibc keep the memory that TensorFlow frees.

TensorFlow allocates its tensors again in each step. By default, glibc takes blocks above 32 MB (often above 128 kB)
from the kernel and returns them as soon as they are freed, and the kernel clears every page before each use: a quarter
of the CPU time of a training can go there. `benchmarks/allocator.py` measures it.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import functools
import gc
import os
import platform
import sys
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_P = ParamSpec("_P")
_T = TypeVar("_T")


@dataclasses.dataclass(frozen=True)
class _Setting:
    """A parameter of mallopt(3), by its number in malloc.h, and the variable that sets it when a process starts."""

    parameter: int
    variable: str
    value: int


_SETTINGS = (
    _Setting(-4, "MALLOC_MMAP_MAX_", 0),  # no block is a mapping of its own, which free would return to the kernel
    _Setting(-1, "MALLOC_TRIM_THRESHOLD_", 2**31 - 1),  # return free memory at the heap's end only above 2 GB
    _Setting(-2, "MALLOC_TOP_PAD_", 64 * 2**20),  # grow the heap by at least 64 MB
    # One arena: the arenas of further threads consist of heaps of 64 MB. What is larger becomes a mapping there,
    # whatever MALLOC_MMAP_MAX_ says, and no arena uses the free memory of another.
    _Setting(-8, "MALLOC_ARENA_MAX", 1),
)


_FRAME_SLOTS = 2**16
"""With its 0.5 MB the frame gets a chunk of 1 MB, whose rest suffices for 1,000 calls inside each other, Python's limit
for recursion."""


def with_frames_in_one_chunk(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Makes all calls inside a function's call quicker, in the same thread: decorates what a process does as a whole.

    CPython keeps the frames of a thread's calls in chunks of 16 kB, which it takes from the kernel and returns as soon
    as they are empty (`push_chunk` in CPython's Python/pystate.c). Where a chunk ends, a loop of calls does so at each
    call: 40,000 times while TFX is imported. A frame that needs more than 16 kB gets a larger chunk, and the calls
    inside use the rest of it. Memory that the frame does not use is never touched.
    """

    def with_large_frame(*arguments: _P.args, **named: _P.kwargs) -> _T:
        return function(*arguments, **named)

    with_large_frame.__code__ = with_large_frame.__code__.replace(co_stacksize=_FRAME_SLOTS)
    return functools.update_wrapper(with_large_frame, function)


_OBJECTS_BETWEEN_COLLECTIONS = 10_000


def collect_garbage_rarely() -> None:
    """Makes Python search for garbage less often: for processes that import TFX, trace graphs and run Beam.

    Each of these creates hundreds of thousands of objects that stay in use. Python's own threshold, 700 new objects, is
    for small programs: in the tests of SegmentationEvaluator and of the export, a tenth of the CPU time went there.
    """
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)


@contextlib.contextmanager
def loading_libraries() -> Iterator[None]:
    """Makes the import of TensorFlow and TFX inside the `with` block quicker, and the end of the process.

    They create up to a million objects that stay in use. Python would search these for garbage several times during the
    import, again in each full collection, and when the process ends: two fifths of the CPU time of a process that only
    imports TensorFlow. Inside the block it searches nothing, and later only what is created after the block.

    If TensorFlow has been imported before, the block changes nothing: what became garbage since then would be kept.
    """
    if "tensorflow" in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def configure_allocators() -> None:
    """Configures the allocators of a process that computes. Call it first, before TensorFlow is imported.

    Besides `keep_freed_memory`, TensorFlow then takes a GPU's memory as it needs it, not all of it at the start, so
    that other processes can use the GPU too. The variable TF_FORCE_GPU_ALLOW_GROWTH, if it is set, stays as it is.

    Processes that this one starts, such as Beam's workers and measurements, get the same settings by environment
    variables: at their start, before they have threads.
    """
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    keep_freed_memory()
    os.environ.update(variables_that_keep_freed_memory())


def keep_freed_memory() -> bool:
    """Makes this process keep freed memory for later allocations. Call it before the process starts threads.

    The process then holds at most the largest amount that it used at any time, plus what fragmentation costs. Does
    nothing if the C library is not glibc (macOS, musl), or if the environment already configures glibc's allocator.

    Returns:
        Whether the allocator was configured.
    """
    if not variables_that_keep_freed_memory():
        return False
    mallopt = ctypes.CDLL(None).mallopt
    results = [mallopt(setting.parameter, setting.value) for setting in _SETTINGS]
    return all(result == 1 for result in results)


def variables_that_keep_freed_memory() -> dict[str, str]:
    """Returns environment variables that do in a new process what `keep_freed_memory` does in this one.

    They are empty where that function does nothing.
    """
    if platform.libc_ver()[0] != "glibc" or is_configured(os.environ):
        return {}
    return _as_variables()


def is_configured(environment: Mapping[str, str]) -> bool:
    """Returns whether environment variables configure glibc's allocator in another way than this module does.

    See mallopt(3) and `GLIBC_TUNABLES`. A process that was started by one with these settings has them as variables.
    """
    tunables = environment.get("GLIBC_TUNABLES", "")
    variables = {name: value for name, value in environment.items() if name.startswith("MALLOC_")}
    return "glibc.malloc." in tunables or variables not in ({}, _as_variables())


def _as_variables() -> dict[str, str]:
    return {setting.variable: str(setting.value) for setting in _SETTINGS}
