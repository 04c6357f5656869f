"""Writes an imported devkit: photos, masks, split lists, the label set and the report."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfds_voc_seg.devkit.folders import MASKS_FOLDER, PHOTOS_FOLDER, SPLIT_LISTS_FOLDER
from tfds_voc_seg.importers.files import check_no_link_out
from tfds_voc_seg.importers.image_ids import identify_images
from tfds_voc_seg.importers.masks import MaskWriter, devkit_labels
from tfds_voc_seg.importers.photo_files import inspect_photo, place_photo
from tfds_voc_seg.importers.report import REPORT_FILE
from tfds_voc_seg.importers.source import ImageDropped, SourceError
from tfds_voc_seg.importers.splits import assign_splits, counts, images_with_splits
from tfds_voc_seg.label_set_files import write_label_set
from tfds_voc_seg.labels import VOID
from tfds_voc_seg.storage import written_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tfds_voc_seg.importers.photo_files import PhotoFile
    from tfds_voc_seg.importers.report import ImportReport
    from tfds_voc_seg.importers.source import Source, SourceImage, Split
    from tfds_voc_seg.importers.splits import SplitOptions


class NothingTakenError(Exception):
    """No image of a source could be taken; the report says why."""


def check_places(source: Path, photos: Path | None, folder: Path) -> None:
    """Checks that the source exists and that a devkit can be written.

    Raises:
        SourceError: the source or the folder of the photos does not exist; or the devkit's folder is a file, is not
            empty, or lies in the source.
    """
    if not source.exists():
        raise SourceError(f"{source} does not exist")
    if photos is not None and not photos.is_dir():
        raise SourceError(f"{photos}, named by --photos, is not a folder")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SourceError(f"{folder} is not an empty folder: use an empty folder, or one that does not exist")
    if source.is_dir() and folder.resolve().is_relative_to(source.resolve()):
        raise SourceError(f"{folder} lies in {source}: choose a folder outside of the source")


def source_folders(source: Path, photos: Path | None) -> list[Path]:
    """Returns the folders of a source; a source may be a file."""
    return [source if source.is_dir() else source.parent, *([photos] if photos else [])]


def write_devkit(
    source: Source,
    folder: Path,
    options: SplitOptions,
    report: ImportReport,
    *,
    folders: Sequence[Path],
    about: dict[str, str],
    copy: bool = False,
    on_image: Callable[[int, int], None] | None = None,
) -> None:
    """Writes the images of a source as a devkit. The folder appears once it is complete.

    Args:
        source: the images.
        folder: the devkit; it must be empty if it exists.
        options: how the images are divided.
        report: gets what was taken and dropped; its file in the devkit is `REPORT_FILE`.
        folders: the folders that the photos must not leave through links.
        about: format and source, for the report's file.
        copy: copy photos instead of linking them.
        on_image: called after each image with the number of processed images and the total number.

    Raises:
        NothingTakenError: no image could be taken; nothing is written.
        SourceError: the regular expression of the groups does not match a name.
        OSError: the devkit cannot be written.
    """
    chosen = source.images if options.replaces_source else images_with_splits(source.images, report)
    images = identify_images(chosen, report)
    assign_splits(images, options)  # a group that does not match fails before anything is written
    labels = devkit_labels(source.labels)
    masks = MaskWriter(labels)
    report.class_ids = dict(zip(labels.names, labels.ids, strict=True))
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(folder, flushed=False) as unfinished:
        devkit = Path(unfinished)
        for name in (PHOTOS_FOLDER, MASKS_FOLDER, SPLIT_LISTS_FOLDER):
            (devkit / name).mkdir(parents=True)
        taken: dict[str, SourceImage] = {}
        for done, (image_id, image) in enumerate(images.items(), start=1):
            try:
                _write_image(image, image_id, devkit, masks, report, folders=folders, copy=copy)
                taken[image_id] = image
            except ImageDropped as dropped:
                report.drop_image(dropped.reason, image.name, dropped.detail)
            if on_image:
                on_image(done, len(images))
        if not taken:
            raise NothingTakenError
        _write_lists(devkit, taken, assign_splits(taken, options), report)
        write_label_set(labels, devkit)
        # A name that is not UTF-8 becomes an escape of JSON.
        (devkit / REPORT_FILE).write_text(report.as_json(**about), encoding="utf-8", errors="backslashreplace")
        if folder.exists():
            folder.rmdir()  # it is empty; the finished devkit is renamed to it


def _write_image(
    image: SourceImage,
    image_id: str,
    devkit: Path,
    masks: MaskWriter,
    report: ImportReport,
    *,
    folders: Sequence[Path],
    copy: bool,
) -> None:
    check_no_link_out(image.photo, folders)
    with _photo_file(image, devkit) as file:
        _write_pair(image, inspect_photo(file), image_id, devkit, masks, report, copy=copy)


@contextlib.contextmanager
def _photo_file(image: SourceImage, devkit: Path) -> Iterator[Path]:
    """Yields the file of a photo; of a photo that is part of another file a temporary one."""
    if image.embedded is None:
        yield image.photo
        return
    file = devkit / ".embedded_photo"
    file.write_bytes(image.embedded())
    try:
        yield file
    except ImageDropped as dropped:
        raise ImageDropped(dropped.reason, dropped.detail.replace(str(file), f"in {image.photo}")) from dropped
    finally:
        file.unlink()


def _write_pair(
    image: SourceImage,
    photo: PhotoFile,
    image_id: str,
    devkit: Path,
    masks: MaskWriter,
    report: ImportReport,
    *,
    copy: bool,
) -> None:
    classes = image.make_mask(photo.size)
    if classes.shape != photo.size:
        turned = "; it fits the photo as it is stored, not upright (EXIF orientation)"
        fits_stored = photo.turned and classes.shape == photo.size[::-1]
        detail = f"mask {_text(classes.shape)}, photo {_text(photo.size)}{turned if fits_stored else ''}"
        raise ImageDropped("size mismatch", detail)
    if np.all(classes == VOID):
        raise ImageDropped("only void pixels")
    placement = place_photo(photo, devkit / PHOTOS_FOLDER, image_id, copy=copy)
    masks.write(classes, devkit / MASKS_FOLDER / f"{image_id}.png")
    report.photos["extracted" if image.embedded and placement != "converted" else placement] += 1
    if placement == "converted":
        report.note("photo converted to PNG", image.name, image.photo.name)


def _write_lists(devkit: Path, taken: Iterable[str], splits: dict[str, Split], report: ImportReport) -> None:
    report.splits = counts(splits)
    for split in report.splits:
        ids = [image_id for image_id in taken if splits[image_id] == split]
        text = "".join(f"{image_id}\n" for image_id in ids)
        (devkit / SPLIT_LISTS_FOLDER / f"{split}.txt").write_text(text, encoding="utf-8")


def _text(size: tuple[int, ...]) -> str:
    return f"{size[1]}×{size[0]}"
