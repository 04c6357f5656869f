"""Many photos: read ahead, segmented in batches, written behind; one that fails does not stop the rest."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from pipeline.prediction.background_work import in_background
from pipeline.prediction.inputs import Input
from pipeline.prediction.outputs import OutputExistsError, refuse_existing, write_files
from pipeline.prediction.photos.reading import PhotoError, read_photo
from pipeline.prediction.results import ResultOptions
from pipeline.prediction.segmentation import Segmentation
from pipeline.prediction.segmenter import Segmenter

OnDone = Callable[[Input, str | None], None]
"""Is told of each photo, as it is done: `None`, or why it failed."""

_WRITERS = 2


def segment_files(
    segmenter: Segmenter,
    photos: Sequence[Input],
    options: ResultOptions,
    on_done: OnDone,
    *,
    batch: int = 1,
    replace: bool = False,
    tta: bool = False,
    tile: int | None = None,
) -> None:
    """Segments files and writes what `options` ask for.

    Args:
        segmenter: the model.
        photos: the files.
        options: what is written.
        on_done: see `OnDone`; called in the caller's thread.
        batch: photos in one run of the network.
        replace: replace results that are there; otherwise such a photo fails.
        tta: as `Segmenter.__call__` takes it.
        tile: as `Segmenter.__call__` takes it.
    """

    def segment(pixels: list[np.ndarray]) -> list[Segmentation]:
        return segmenter.segment_photos(pixels, tta=tta, tile=tile)

    def write(photo: Input, result: Segmentation) -> None:
        write_files(options.writers(photo, result), replace=replace)

    def finish(photo: Input, writing: Future[None]) -> None:
        error = writing.exception()
        on_done(photo, None if error is None else _why(error))

    read = (_read(photo, options, replace) for photo in photos)
    with in_background(read, ahead=batch) as pictures, ThreadPoolExecutor(_WRITERS) as writers:
        waiting: list[tuple[Input, Future[None]]] = []
        while part := list(itertools.islice(pictures, batch)):
            for photo, result in _segmented(segment, part):
                if isinstance(result, str):
                    on_done(photo, result)
                else:
                    waiting.append((photo, writers.submit(write, photo, result)))
            while len(waiting) > batch:  # bounded, and in order
                finish(*waiting.pop(0))
        for photo, writing in waiting:
            finish(photo, writing)


def _read(photo: Input, options: ResultOptions, replace: bool) -> tuple[Input, np.ndarray | str]:
    """A photo's pixels, or why there are none."""
    try:
        if not replace:
            refuse_existing(options.files(photo.name))
        return photo, read_photo(photo.path)
    except (PhotoError, OSError, MemoryError) as error:
        return photo, _why(error)


def _segmented(
    segment: Callable[[list[np.ndarray]], list[Segmentation]], part: Sequence[tuple[Input, np.ndarray | str]]
) -> Iterator[tuple[Input, Segmentation | str]]:
    """Segments those that could be read: together, or one by one where that does not fit into memory."""
    pixels = [picture for _, picture in part if not isinstance(picture, str)]
    try:
        results: list[Segmentation | str] = [*segment(pixels)]
    except (MemoryError, tf.errors.OpError) as error:
        results = [_alone(segment, picture) for picture in pixels] if len(pixels) > 1 else [_why(error)]
    answers = iter(results)
    for photo, picture in part:
        yield photo, picture if isinstance(picture, str) else next(answers)


def _alone(segment: Callable[[list[np.ndarray]], list[Segmentation]], picture: np.ndarray) -> Segmentation | str:
    try:
        return segment([picture])[0]
    except (MemoryError, tf.errors.OpError) as error:
        return _why(error)


def _why(error: BaseException) -> str:
    if isinstance(error, PhotoError):
        return error.what
    if isinstance(error, (MemoryError, tf.errors.ResourceExhaustedError)):
        return "needs more memory than there is: try --tile, or a smaller --batch"
    if isinstance(error, OutputExistsError):
        return f"was left out: {error}"
    if isinstance(error, OSError):
        return f"can't be written to {error.filename}: {error.strerror}"
    return f"can't be segmented: {' '.join(str(error).split())[:300]}"
