"""`vocseg predict` as a user calls it: the files it writes, the inputs it refuses, and the exit status."""

from __future__ import annotations

import errno
import io
import json
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from pipeline.cli import main
from pipeline.prediction.segmenter import Segmenter
from tests.pipeline.prediction.odd_images import encoded, pixels, rotated_jpeg
from tfds_voc_seg.labels import voc_palette

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from pipeline.prediction.segmentation import Segmentation

Predict = Callable[..., tuple[int, str]]

PHOTO = pixels(45, 80)
PNG, JPEG = encoded(PHOTO, "PNG"), encoded(PHOTO, "JPEG", quality=95)


@pytest.fixture
def predict(run_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Predict:
    """Calls the command with `tmp_path/out` as output; returns the exit status and the printed text."""

    def call(*arguments: Path | str, model: Path | None = None) -> tuple[int, str]:
        capfd.readouterr()
        status = main(["predict", str(model or run_folder), *map(str, arguments), "--output", str(tmp_path / "out")])
        printed = capfd.readouterr()
        return status, printed.out + printed.err

    return call


def _written(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def _file(path: Path, content: bytes = PNG) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_photo_becomes_a_mask_and_an_overlay(predict: Predict, segmenter: Segmenter, tmp_path: Path) -> None:
    photo = _file(tmp_path / "photo.png")
    status, printed = predict(photo)
    assert (status, "1 of 1 done, in " in printed) == (0, True)
    assert _written(tmp_path / "out") == {"class_maps/photo.png", "overlays/photo.png"}
    with Image.open(tmp_path / "out/class_maps/photo.png") as mask:
        assert (mask.mode, mask.size, mask.getpalette()) == ("P", (80, 45), voc_palette())
        np.testing.assert_array_equal(np.asarray(mask), segmenter(photo).class_map)
    with Image.open(tmp_path / "out/overlays/photo.png") as overlay:
        np.testing.assert_array_equal(overlay, segmenter(photo).overlay())


def test_probabilities_and_shares_are_written_on_request(
    predict: Predict, segmenter: Segmenter, tmp_path: Path
) -> None:
    photo = _file(tmp_path / "photo.jpg", rotated_jpeg(6))
    options = ("--probabilities", "--shares", "--no-legend", "--alpha", "0.3", "--contours", "--tta")
    assert predict(photo, *options)[0] == 0
    expected = segmenter(photo, tta=True)
    with np.load(tmp_path / "out/probabilities/photo.npz") as file:
        np.testing.assert_allclose(file["probabilities"], expected.probabilities, atol=1e-5)
        assert file["class_names"].tolist() == [*segmenter.class_names]
    shares = json.loads((tmp_path / "out/shares/photo.json").read_text())
    assert shares == {"source": str(photo), "width": 40, "height": 60, "pixel_shares": expected.pixel_shares}
    with Image.open(tmp_path / "out/overlays/photo.png") as overlay:
        np.testing.assert_array_equal(overlay, expected.overlay(0.3, legend=False, contours=True))


def test_photos_are_tiled_on_request(predict: Predict, segmenter: Segmenter, tmp_path: Path) -> None:
    photo = _file(tmp_path / "photo.png")
    assert predict(photo, "--tile", "--tile-size", "40")[0] == 0
    with Image.open(tmp_path / "out/class_maps/photo.png") as mask:
        np.testing.assert_array_equal(np.asarray(mask), segmenter(photo, tile=40).class_map)


def test_failed_files_are_reported_and_the_others_processed(
    predict: Predict, segmenter: Segmenter, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    _file(photos / "a.png")
    _file(photos / "cut.jpg", JPEG[: len(JPEG) // 2])
    _file(photos / "day/b.jpg", JPEG)
    _file(photos / "day/letter.txt", b"dear reader")
    _file(photos / "empty.png", b"")
    _file(photos / ".hidden", b"skipped")
    _file(photos / "z.png", encoded(pixels(20, 20), "PNG"))
    status, printed = predict(photos, tmp_path / "gone.jpg", tmp_path / "none*.jpg", "--batch", "2")
    assert status == 1
    for sentence in (
        f"vocseg: {photos}/cut.jpg is damaged or truncated and cannot be decoded (jpeg::Uncompress failed",
        f"vocseg: {photos}/day/letter.txt is not an image in a supported format",
        f"vocseg: {photos}/empty.png is empty",
        f"vocseg: {tmp_path}/gone.jpg does not exist",
        f"vocseg: {tmp_path}/none*.jpg matches no file",
        "3 of 6 done, in ",
    ):
        assert sentence in printed
    assert "Traceback" not in printed
    names = ("a.png", "day/b.png", "z.png")
    assert _written(tmp_path / "out") == {f"{kind}/{name}" for kind in ("class_maps", "overlays") for name in names}
    for name, source in (("a", "a.png"), ("day/b", "day/b.jpg"), ("z", "z.png")):
        with Image.open(tmp_path / f"out/class_maps/{name}.png") as mask:
            np.testing.assert_array_equal(np.asarray(mask), segmenter(photos / source).class_map)


def test_existing_results_are_replaced_only_with_force(predict: Predict, tmp_path: Path) -> None:
    kept, other = _file(tmp_path / "kept.png"), _file(tmp_path / "other.png")
    _file(tmp_path / "out/overlays/kept.png", b"mine")
    status, printed = predict(kept, other)
    assert status == 1
    assert f"{kept} was skipped: {tmp_path}/out/overlays/kept.png exists; --force replaces it" in printed
    assert (tmp_path / "out/overlays/kept.png").read_bytes() == b"mine"
    assert _written(tmp_path / "out") == {"overlays/kept.png", "overlays/other.png", "class_maps/other.png"}
    assert predict(kept, other, "--force")[0] == 0
    with Image.open(tmp_path / "out/overlays/kept.png") as overlay:
        assert overlay.width == 80


def test_standard_input_is_read_as_a_photo(predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(JPEG)))
    assert predict("-")[0] == 0
    assert _written(tmp_path / "out") == {"class_maps/stdin.png", "overlays/stdin.png"}
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"no image")))
    status, printed = predict("-", "--force")
    assert (status, "vocseg: - is not an image in a supported format" in printed) == (1, True)


def test_invalid_arguments_and_models_are_refused(predict: Predict, tmp_path: Path) -> None:
    photo = _file(tmp_path / "photo.png")
    for options in (("--alpha", "2"), ("--batch", "0"), ("--tile-size", "x"), ("--output",)):
        with pytest.raises(SystemExit, match="2"):
            predict(photo, *options)
    status, printed = predict(photo, model=tmp_path)
    assert (status, "holds no model: name a SavedModel" in printed) == (2, True)
    _file(tmp_path / "broken/saved_model.pb", b"")
    status, printed = predict(photo, model=tmp_path / "broken")
    assert (status, "broken cannot be used: " in printed) == (2, True)
    (tmp_path / "out").rmdir()
    _file(tmp_path / "out", b"a file")
    status, printed = predict(photo)
    assert (status, "cannot be used: File exists" in printed) == (2, True)


def test_a_photo_too_large_for_memory_does_not_stop_the_others(
    predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = Segmenter.segment_photos

    def small_memory(self: Segmenter, photos: list[NDArray[np.uint8]], **options: bool) -> list[Segmentation]:
        if any(photo.shape[0] > 100 for photo in photos):
            raise MemoryError
        return segment(self, photos, **options)

    monkeypatch.setattr(Segmenter, "segment_photos", small_memory)
    large = _file(tmp_path / "large.png", encoded(pixels(150, 20), "PNG"))
    status, printed = predict(_file(tmp_path / "a.png"), large, _file(tmp_path / "b.png"))
    assert status == 1
    assert f"{large} needs more memory than available: try --tile or a smaller --batch" in printed
    assert {"class_maps/a.png", "class_maps/b.png"} < _written(tmp_path / "out")


def test_an_output_folder_that_cannot_be_written(predict: Predict, tmp_path: Path) -> None:
    _file(tmp_path / "out/overlays", b"a file where a folder should be")
    status, printed = predict(_file(tmp_path / "photo.png"))
    assert status == 1
    assert f"photo.png cannot be written to {tmp_path}/out/overlays: File exists" in printed
    assert _written(tmp_path / "out") == {"overlays"}


def test_a_full_disk_names_the_folder_and_the_cure(
    predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pipeline.prediction.photos.results._write_class_map", refuse)
    status, printed = predict(_file(tmp_path / "photo.png"))
    assert status == 1
    sentence = f"photo.png cannot be written to {tmp_path}/out: No space left on device; free some space, or choose a"
    assert sentence in printed
    assert _written(tmp_path / "out") == set()


def test_results_go_into_the_current_folder(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    _file(tmp_path / "photos/x.png")
    monkeypatch.chdir(tmp_path)
    assert main(["predict", str(run_folder), "photos", "--output", "."]) == 0
    assert main(["predict", str(run_folder), ".", "--output", ".", "--force"]) == 0  # not its own results
    assert "1 of 1 done" in capfd.readouterr().out
    assert "class_maps/x.png" in _written(tmp_path)


def test_a_result_never_replaces_its_input(predict: Predict, tmp_path: Path) -> None:
    overlay = _file(tmp_path / "out/overlays/x.png")
    status, printed = predict(overlay, "--force")
    assert status == 1
    assert f"{overlay} was skipped: its result would replace it; choose another --output" in printed
    assert overlay.read_bytes() == PNG


def test_predict_and_data_check_import_neither_tfx_nor_beam_and_libraries_print_nothing(
    run_folder: Path, devkit: Path, tmp_path: Path
) -> None:
    photo = _file(tmp_path / "photo.png")
    program = (
        "import sys; from pipeline.cli import main\n"
        f"checked = main(['data', 'check', {str(devkit)!r}])\n"
        f"status = main(['predict', {str(run_folder)!r}, {str(photo)!r}, '--output', {str(tmp_path / 'out')!r}])\n"
        "heavy = {'tfx', 'apache_beam', 'tensorflow_model_analysis', 'av', 'pipeline.config.schema', 'kfp'}\n"
        "print(checked, status, sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "0 0 []"
    assert run.stderr == ""


def test_the_help_does_not_import_tensorflow() -> None:
    program = (
        "import sys; from pipeline.cli import main\n"
        "try:\n    main(['predict', '--help'])\n"
        "except SystemExit:\n    print('tensorflow' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "False"
