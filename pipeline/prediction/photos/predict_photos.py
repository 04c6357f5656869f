"""Segments many photo files: reads ahead, runs batches, writes in the background; a failed photo is skipped."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeAlias

from pipeline.engines.engine import EngineError
from pipeline.prediction.inputs import Input
from pipeline.prediction.output_files import (
    OutputExistsError,
    OverwrittenInputError,
    refuse_existing,
    refuse_input,
    write_files,
)
from pipeline.prediction.photos.reading import PhotoError
from pipeline.prediction.prefetch import prefetched
from tfds_voc_seg.disk_errors import write_reason
from tfds_voc_seg.error_messages import message_of_library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from pipeline.prediction.photos.results import PhotoResultOptions
    from pipeline.prediction.segmentation import Segmentation
    from pipeline.prediction.segmenter import Segmenter

OnDone = Callable[[Input, str | None], None]
"""Called once per photo when it is finished, with `None` or the reason why it failed."""

_Segment: TypeAlias = "Callable[[list[NDArray[np.uint8]]], list[Segmentation]]"

_WRITER_THREADS = 2


def predict_photos(
    segmenter: Segmenter,
    photos: Sequence[Input],
    options: PhotoResultOptions,
    on_done: OnDone,
    *,
    batch: int = 1,
    replace: bool = False,
    tta: bool = False,
    tile: int | None = None,
) -> None:
    """Segments photo files and writes the results that `options` names.

    Args:
        segmenter: the model.
        photos: the files.
        options: which results to write.
        on_done: see `OnDone`; called in the caller's thread.
        batch: number of photos per run of the network.
        replace: replace existing results; without it a photo that has results fails.
        tta: as for `Segmenter.__call__`.
        tile: as for `Segmenter.__call__`.
    """

    def segment(pixels: list[NDArray[np.uint8]]) -> list[Segmentation]:
        return segmenter.segment_photos(pixels, tta=tta, tile=tile)

    def write(photo: Input, result: Segmentation) -> None:
        write_files(options.writers(photo, result), replace=replace)

    def finish(photo: Input, writing: Future[None]) -> None:
        error = writing.exception()
        on_done(photo, None if error is None else _reason(error, options.output))

    pictures = (_read(photo, options, lambda path: segmenter.read(path, tile, tta=tta), replace) for photo in photos)
    with prefetched(pictures, buffer_size=batch) as decoded, ThreadPoolExecutor(_WRITER_THREADS) as writers:
        being_written: list[tuple[Input, Future[None]]] = []
        while part := list(itertools.islice(decoded, batch)):
            for photo, result in _segmented(segment, part):
                if isinstance(result, str):
                    on_done(photo, result)
                else:
                    being_written.append((photo, writers.submit(write, photo, result)))
            while len(being_written) > batch:  # limits the results in memory, and keeps the order
                finish(*being_written.pop(0))
        for photo, writing in being_written:
            finish(photo, writing)


def _read(
    photo: Input, options: PhotoResultOptions, read: Callable[[Path], NDArray[np.uint8]], replace: bool
) -> tuple[Input, NDArray[np.uint8] | str]:
    """Returns a photo's pixels, or the reason why it cannot be read."""
    try:
        results = options.files(photo.name)
        refuse_input(photo.path, results)
        if not replace:
            refuse_existing(results)
        return photo, read(photo.path)
    except (PhotoError, OverwrittenInputError, OSError, MemoryError) as error:
        return photo, _reason(error, options.output)


def _segmented(
    segment: _Segment, part: Sequence[tuple[Input, NDArray[np.uint8] | str]]
) -> Iterator[tuple[Input, Segmentation | str]]:
    """Segments the readable photos together; if that fails, for lack of memory say, one by one.

    Yields:
        Each photo with its result, or with the reason why it failed.
    """
    pixels = [picture for _, picture in part if not isinstance(picture, str)]
    try:
        results: list[Segmentation | str] = [*segment(pixels)]
    except (PhotoError, MemoryError, EngineError) as error:
        results = [_segmented_alone(segment, picture) for picture in pixels] if len(pixels) > 1 else [_reason(error)]
    remaining = iter(results)
    for photo, picture in part:
        yield photo, picture if isinstance(picture, str) else next(remaining)


def _segmented_alone(segment: _Segment, picture: NDArray[np.uint8]) -> Segmentation | str:
    try:
        return segment([picture])[0]
    except (PhotoError, MemoryError, EngineError) as error:
        return _reason(error)


def _reason(error: BaseException, output: Path | str = "the output folder") -> str:
    """Returns the message for a photo that failed, a sentence without its subject.

    Args:
        error: the error.
        output: the folder of the results, which a system call that fails on an open file does not name.
    """
    if isinstance(error, PhotoError):
        return error.reason
    if isinstance(error, MemoryError):
        return "needs more memory than available: try --tile or a smaller --batch"
    if isinstance(error, (OutputExistsError, OverwrittenInputError)):
        return f"was skipped: {error}"
    if isinstance(error, OSError):
        return f"cannot be written to {error.filename or output}: {write_reason(error)}"
    return f"cannot be segmented: {message_of_library(error, 300)}"
