"""Fuzz targets of what users write or download as text, and of the archive: annotations, lists, settings, sources."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import io
import json
import re
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fuzz.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable

_SIZE = (20, 30)
"""Height and width of the photos that have no file."""

_REPLACING = b"\xff"
"""Begins inputs that replace words of a seed; UTF-8 has no such byte."""

_WORDS = re.compile(rb"([\w.#+-]+)")
_ODD_WORDS = (
    b"", b"0", b"-1", b"1.5", b"1e999", b"-1e999", b"nan", b"NaN", b"Infinity", b"99999999999999999999999", b"null",
    b"~", b"true", b"no", b"[]", b"{}", b"[[]]", b'"a"', b"[1, 2]", b'{"a": 1}', b"a" * 300, "é".encode(), b"\\ud800",
    b"\\u0000", b"../../a", b"/etc/hosts", b"2012-01-01", b"0x1F", b"1:30", b"!!binary YQ==", b"&a", b"*a", b"<<",
    b"&lt;", b"1_000", b"background", b"255", b"256", b"65536", b"4294967296", b"9007199254740993", b".5", b"-0",
    b"1e-320", b"\x7f", b" ",
)  # fmt: skip


def annotation_reading(content: bytes) -> None:
    from tfds_voc_seg.devkit.annotations import read_objects
    from tfds_voc_seg.devkit.folders import Pair, PairError
    from tfds_voc_seg.record_config import RecordConfig

    devkit = _devkit()
    (devkit / "Annotations/a.xml").write_bytes(content)
    pair = Pair("a", str(devkit / "JPEGImages/a.jpg"), str(devkit / "SegmentationClass/a.png"))
    with contextlib.suppress(PairError):
        objects = read_objects(pair, RecordConfig(), *_SIZE)
        assert len(objects["bbox"]) == len(objects["label"])
        assert ((objects["bbox"] >= 0) & (objects["bbox"] <= 1)).all()


def list_reading(content: bytes) -> None:
    from tfds_voc_seg.devkit.problems import DevkitError
    from tfds_voc_seg.devkit.splits import read_split

    devkit = _devkit()
    (devkit / "ImageSets/Segmentation/train.txt").write_bytes(content)
    with contextlib.suppress(DevkitError):
        listing = read_split(devkit, "train")
        assert all(pair.image_id in ("a", "b c") for pair in listing.pairs)


def label_set_reading(content: bytes) -> None:
    from tfds_voc_seg.label_set import LabelSetError
    from tfds_voc_seg.label_set_files import read_label_set

    for name in ("labels.yaml", "labelmap.txt"):
        file = _folder() / name
        file.write_bytes(content)
        with contextlib.suppress(LabelSetError):
            labels = read_label_set(file)
            assert len(labels.names) == len(labels.ids) == len(labels.colors)


def configuration_reading(content: bytes) -> None:
    from pipeline.config.loading import load_config
    from pipeline.config.problems import ConfigError

    file = _folder() / "preset.yaml"
    file.write_bytes(content)
    with contextlib.suppress(ConfigError):
        load_config(str(file))


def override_reading(content: bytes) -> None:
    from pipeline.config.loading import load_config
    from pipeline.config.problems import ConfigError

    with contextlib.suppress(ConfigError):
        load_config("demo", overrides=content.decode(errors="surrogateescape").split("\n"))


def source_reading(name: str, file: str, content: bytes) -> None:
    """Reads a source of `vocseg data import` that consists of one file, and makes its masks."""
    from tfds_voc_seg.importers.formats import reader_of
    from tfds_voc_seg.importers.report import ImportReport
    from tfds_voc_seg.importers.source import ImageDropped, ReaderOptions, SourceError
    from tfds_voc_seg.label_set import LabelSetError

    folder = _folder() / name
    folder.mkdir(exist_ok=True)
    (folder / file).write_bytes(content)
    with contextlib.suppress(SourceError, LabelSetError):
        source = reader_of(name)(folder, ReaderOptions(), ImportReport())
        for image in source.images:
            with contextlib.suppress(ImageDropped):
                assert image.make_mask(_SIZE).shape == _SIZE


def exported_model_reading(content: bytes) -> None:
    """Reads `segmentation.json` beside a model file, and how photos are resized and classes are drawn."""
    from components.targets.target_folder import TargetError, read_target

    folder = _folder() / "exported"
    folder.mkdir(exist_ok=True)
    (folder / "model.tflite").write_bytes(b"network")
    (folder / "segmentation.json").write_bytes(content)
    with contextlib.suppress(TargetError):
        found = read_target(folder)
        assert found.target.output.shape[3] == len(found.model.channels.names)
        assert found.target.input.shape[1:3] == found.model.geometry.sides


def archive_unpacking(content: bytes) -> None:
    from tfds_voc_seg.download import Archive, DownloadError, fetch_archive

    folder = _folder() / "archives"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "inner").mkdir(parents=True)
    (folder / "inner/a.tar").write_bytes(content)
    archive = Archive("http://127.0.0.1/a.tar", len(content), hashlib.sha256(content).hexdigest())
    with contextlib.suppress(DownloadError):
        unpacked = fetch_archive(archive, folder / "inner")
        assert not [path for path in unpacked.rglob("*") if path.is_symlink()]
    assert [path.name for path in folder.iterdir()] == ["inner"]


@functools.cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="fuzz"))


@functools.cache
def _devkit() -> Path:
    from PIL import Image

    devkit = _folder() / "devkit"
    for name in ("JPEGImages", "SegmentationClass", "Annotations", "ImageSets/Segmentation"):
        (devkit / name).mkdir(parents=True)
    for name in ("a", "b c"):
        Image.new("RGB", (3, 2)).save(devkit / f"JPEGImages/{name}.jpg")
        Image.new("P", (3, 2)).save(devkit / f"SegmentationClass/{name}.png")
    (devkit / "ImageSets/Segmentation/val.txt").write_text("a\n")
    return devkit


def _with_words_replaced(run: Callable[[bytes], None], seeds: Callable[[], list[bytes]]) -> Callable[[bytes], None]:
    """Returns a target that also takes places of words in a seed, and what to put there, so that formats stay valid."""

    def run_replaced(content: bytes) -> None:
        if not content.startswith(_REPLACING) or len(content) < 4:
            run(content)
            return
        texts = seeds()
        parts = _WORDS.split(texts[content[1] % len(texts)])
        for place, word in zip(content[2::2], content[3::2], strict=False):
            parts[(2 * place + 1) % (len(parts) - 1)] = _ODD_WORDS[word % len(_ODD_WORDS)]
        run(b"".join(parts))

    return run_replaced


def _text_target(run: Callable[[bytes], None], seeds: Callable[[], list[bytes]]) -> Target:
    places = [_REPLACING + bytes([0, place, place + 7]) for place in range(0, 128, 8)]
    return Target(_with_words_replaced(run, seeds), lambda: [*seeds(), *places])


def _texts(*texts: str) -> Callable[[], list[bytes]]:
    return lambda: [text.encode() for text in texts]


def _coco() -> list[bytes]:
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "height": 20, "width": 30}],
        "categories": [{"id": 7, "name": "cat"}],
        "annotations": [
            {"image_id": 1, "category_id": 7, "iscrowd": 0, "segmentation": [[1, 1, 9, 1, 9.5, 9]]},
            {"image_id": 1, "category_id": 7, "segmentation": {"size": [20, 30], "counts": [100, 50, 450]}},
            {"image_id": 1, "category_id": 7, "iscrowd": 1, "segmentation": {"size": [20, 30], "counts": "d3Q1"}},
        ],
    }
    return [json.dumps(content).encode()]


def _labelme() -> list[bytes]:
    shapes = [
        {"label": "cat", "shape_type": kind, "points": [[1, 1], [9, 2], [5, 8]]}
        for kind in ("polygon", "rectangle", "circle")
    ]
    shapes.append({"label": "__ignore__", "shape_type": "mask", "points": [[1, 1], [2, 2]], "mask": "iVBORw0KGgo="})
    return [json.dumps({"imagePath": "a.jpg", "imageHeight": 20, "imageWidth": 30, "shapes": shapes}).encode()]


def _exported_models() -> list[bytes]:
    from components.saved_model.description import ModelDescription
    from components.targets.target_folder import TargetDescription, Tensor
    from tfds_voc_seg.record_config import RecordConfig

    records = RecordConfig((20, 30), classes=("cat", ("vehicle", ("bus", "car"))))
    model = ModelDescription(records.class_names, (20, 30), "unet", {"width": 4}, {"epochs": 2}, 10, 1.5, records)
    images, scores = Tensor("images", "uint8", (1, 20, 30, 3), ""), Tensor("scores", "float32", (1, 20, 30, 3), "")
    digests = hashlib.sha256(b"network").hexdigest(), "0" * 64
    target = TargetDescription(
        "litert", "model.tflite", len(b"network"), *digests, images, scores, ("cast",), ("resize",)
    )
    return [json.dumps({**json.loads(model.to_json()), "target": dataclasses.asdict(target)}).encode()]


def _tars() -> list[bytes]:
    contents = []
    for format_ in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=format_) as tar:
            for name, kind, size in (
                ("d", tarfile.DIRTYPE, 0), ("d/a", tarfile.REGTYPE, 9), ("l", tarfile.SYMTYPE, 0),
                ("../x", tarfile.REGTYPE, 1), (f"{'n' * 90}é", tarfile.REGTYPE, 3), ("s", tarfile.GNUTYPE_SPARSE, 0),
            ):  # fmt: skip
                member = tarfile.TarInfo(name)
                member.type, member.size = kind, size
                tar.addfile(member, io.BytesIO(bytes(size)))
                contents.append(file.getvalue() + bytes(1024))
        contents.append(file.getvalue())
    return contents


_ANNOTATION = (
    "<annotation><object><name>dog</name><difficult>1</difficult><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax>"
    "<ymax>19.5</ymax></bndbox></object><object><name>cat</name><truncated>1</truncated></object></annotation>"
)
_CVAT = (
    '<annotations><meta><label><name>cat</name><color>#ff0000</color></label></meta><image id="0" name="a.jpg" '
    'width="30" height="20" subset="train"><polygon label="cat" points="1,1;9,2;5,8.5" z_order="1"/>'
    '<box label="cat" xtl="1" ytl="2" xbr="9" ybr="8" rotation="30"/><ellipse label="cat" cx="5" cy="5" rx="3" ry="2"/>'
    '<mask label="cat" rle="2,3,1" left="1" top="1" width="3" height="2"/></image></annotations>'
)
_LABELS = (
    "classes:\n  - {name: background, id: 0, color: [0, 0, 0]}\n  - {name: road, id: 1}\n  - tree\n"
    "background: background\nvoid: {ids: [255], colors: [[224, 224, 192]]}\nmasks: index\n"
)
_PRESET = (
    "name: mine\ndata: {classes: [dog], image_size: 32, devkit: d}\ntraining: {epochs: 2, loss: {dice: 1}}\n"
    "candidates:\n  a: {network: unet, options: {width: 4}, training: {batch_size: 2}}\noutput: out\n"
)

TEXT_TARGETS = {
    "annotation_reading": _text_target(annotation_reading, _texts(_ANNOTATION)),
    "list_reading": _text_target(
        list_reading, _texts("a\nb c\n", "a 1\n# no\n", "JPEGImages/a.jpg SegmentationClass/a.png\n", "\ufeffa.jpg a\n")
    ),
    "label_set_reading": _text_target(label_set_reading, _texts(_LABELS, "# a\nbackground:0,0,0::\nroad:1,2,3:a:b\n")),
    "configuration_reading": _text_target(configuration_reading, _texts(_PRESET, "name: &a x\ndata: {devkit: *a}\n")),
    "override_reading": _text_target(
        override_reading,
        _texts("training.epochs=3\ndata.classes=[dog]", "candidates.a={network: 'x:y'}", "data.void=background"),
    ),
    "coco_reading": _text_target(functools.partial(source_reading, "coco", "a.json"), _coco),
    "labelme_reading": _text_target(functools.partial(source_reading, "labelme", "a.json"), _labelme),
    "cvat_reading": _text_target(functools.partial(source_reading, "cvat", "annotations.xml"), _texts(_CVAT)),
    "exported_model_reading": _text_target(exported_model_reading, _exported_models),
    "archive_unpacking": Target(archive_unpacking, _tars),
}
