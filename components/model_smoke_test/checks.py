"""The checks, run as a program in a process of their own: `python -m components.model_smoke_test.checks …`.

Like a server, it has TensorFlow and the SavedModel, and no code of this project: it imports TensorFlow and numpy alone.
It writes a JSON line for everything that it starts and finishes, so that what it was about when it died is known.
"""

from __future__ import annotations

import argparse
import functools
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import tensorflow as tf

SIGNATURES = {
    "serving_default": ("image_bytes", {"class_map", "scores"}),
    "class_map": ("image_bytes", {"class_map"}),
    "probabilities": ("image_bytes", {"probabilities"}),
    "segment_examples": ("examples", {"class_map", "label"}),
    "segment_images": ("images", {"class_map"}),
    "score_images": ("images", {"scores"}),
}
"""Name → its input and its outputs, as `docs/serving.md` promises them."""

ODD_SIZES = ((1, 1), (7, 300), (37, 53), (333, 501))
LATENCY_SIZE = (375, 500)
"""Height and width of a usual photo of VOC."""

_WARM_UP_REQUESTS = 2


class CheckError(Exception):
    """What a check found wrong, in words."""


class Checks:
    """The checks of one SavedModel, in the order in which they are run."""

    def __init__(self, model: str, requests: Path, latency_requests: int):
        self._folder = model
        self._requests = requests
        self._latency_requests = latency_requests

    def all(self) -> dict[str, Callable[[], str]]:
        """Name → the check, which gives what it saw and raises on what is wrong."""
        return {
            "load": self.load,
            "description": self.description,
            "image files": self.image_files,
            "empty batch": self.empty_batch,
            "corrupt images": self.corrupt_images,
            "agreement with the evaluation": self.agreement,
            "latency": self.latency,
        }

    def load(self) -> str:
        """It loads, with the signatures of the guide."""
        started = time.monotonic()
        self.model = tf.saved_model.load(self._folder)
        self.load_seconds = time.monotonic() - started
        for name, (takes, gives) in SIGNATURES.items():
            _expect(name in self.model.signatures, f"it has no signature {name}")
            signature = self.model.signatures[name]
            inputs, outputs = {*signature.structured_input_signature[1]}, {*signature.structured_outputs}
            _expect(
                (inputs, outputs) == ({takes}, gives),
                f"the signature {name} takes {_names(inputs)} and gives {_names(outputs)}, "
                f"not {takes} and {_names(gives)}",
            )
        return f"{len(SIGNATURES)} signatures, loaded in {self.load_seconds:.1f} s"

    def description(self) -> str:
        """It names as many classes as it has scores."""
        description = json.loads(tf.io.read_file(f"{self._folder}/assets/segmentation.json").numpy())
        self.size, names = description["image_size"], description["class_names"]
        self.classes = len(names)
        channels = self._call("serving_default", image_bytes=[_encode("png", 5, 5)])["scores"].shape[-1]
        _expect(channels == self.classes, f"assets/segmentation.json names {self.classes} classes, scores {channels}")
        return f"{self.classes} classes, {self.size} pixels"

    def image_files(self) -> str:
        """JPEG and PNG files of odd sizes, in one request: shapes, types, classes, and the outputs agree."""
        files = [_encode(kind, *size) for kind in ("jpeg", "png") for size in (*ODD_SIZES, (self.size + 1, self.size))]
        answer = self._call("serving_default", image_bytes=files)
        self._check_class_map("serving_default", answer["class_map"], len(files))
        self._check_scores("scores", answer["scores"], len(files))
        best = np.argmax(answer["scores"], axis=-1)
        _expect(np.array_equal(answer["class_map"], best), "class_map is not the best class of the scores")
        alone = self._call("class_map", image_bytes=files)["class_map"]
        _expect(np.array_equal(alone, best), "the signature class_map gives other classes than serving_default")
        probabilities = self._call("probabilities", image_bytes=files)["probabilities"]
        self._check_scores("probabilities", probabilities, len(files))
        _expect(np.allclose(probabilities.sum(axis=-1), 1, atol=1e-4), "probabilities do not add up to 1")
        return f"{len(files)} JPEG and PNG files of {len(ODD_SIZES) + 1} sizes in one request"

    def empty_batch(self) -> str:
        """A request without images is answered with nothing, in every signature."""
        for name, (takes, _) in SIGNATURES.items():
            shape = (5, 6) if name == "segment_images" else (self.size, self.size)
            nothing = np.zeros((0, *shape, 3), np.uint8) if takes == "images" else tf.constant([], tf.string)
            for output, values in self._call(name, **{takes: nothing}).items():
                channels = (self.classes,) if output in ("scores", "probabilities") else ()
                _expect_shape(f"{output} of {name} for an empty batch", values, (0, *shape, *channels))
        return f"{len(SIGNATURES)} signatures give empty answers"

    def corrupt_images(self) -> str:
        """What is no image is refused, and the next request is answered as before."""
        jpeg, png = (_encode(kind, 40, 50) for kind in ("jpeg", "png"))
        before = self._call("class_map", image_bytes=[jpeg, png])["class_map"]
        corrupt = {
            "no bytes": b"",
            "a text": b"<html>not found</html>",
            "a JPEG cut in half": jpeg[: len(jpeg) // 2],
            "a PNG cut in half": png[: len(png) // 2],
        }
        for what, content in corrupt.items():
            try:
                self._call("class_map", image_bytes=[png, content])
            except tf.errors.InvalidArgumentError as error:
                _expect(bool(error.message.strip()), f"{what} is refused without a word")
            except Exception as error:
                raise CheckError(f"{what} is answered with {_words(error)}, not with INVALID_ARGUMENT") from error
            else:
                raise CheckError(f"{what} is answered as if it were an image")
            after = self._call("class_map", image_bytes=[jpeg, png])["class_map"]
            _expect(np.array_equal(before, after), f"after {what}, a good request is answered differently")
        return f"{', '.join(corrupt)}: each refused as INVALID_ARGUMENT, the next request answered as before"

    def agreement(self) -> str:
        """A photo and a record get the class map that the evaluation counts, pixel by pixel."""
        images, labels = (np.load(self._requests / f"{name}.npy") for name in ("images", "labels"))
        records = [*tf.data.TFRecordDataset(str(self._requests / "records.tfrecord")).as_numpy_iterator()]
        scores = self._call("score_images", images=images)["scores"]  # what the evaluation calls
        self._check_scores("score_images", scores, len(images))
        seen = np.argmax(scores, axis=-1).astype(np.uint8)
        pixels = self._call("segment_images", images=images)["class_map"]
        self._check_class_map("segment_images", pixels, len(images))
        files = [tf.io.encode_png(image).numpy() for image in images]
        served = self._call("serving_default", image_bytes=files)["class_map"]
        of_records = self._call("segment_examples", examples=records)
        for name, class_map in (
            ("serving_default", served),
            ("segment_examples", of_records["class_map"]),
            ("segment_images", pixels),
        ):
            differing = int((class_map != seen).sum())
            _expect(
                differing == 0, f"{name} gives another class than the evaluation in {differing} of {seen.size} pixels"
            )
        _expect(np.array_equal(of_records["label"], labels), "segment_examples gives another truth than the evaluation")
        return f"{len(images)} records give the same class maps as PNG files, as records and as pixels"

    def latency(self) -> str:
        """The median time of a request of one photo."""
        file = _encode("jpeg", *LATENCY_SIZE)
        seconds = []
        for _ in range(_WARM_UP_REQUESTS + self._latency_requests):
            started = time.monotonic()
            self._call("serving_default", image_bytes=[file])
            seconds.append(time.monotonic() - started)
        self.latency_seconds = statistics.median(seconds[_WARM_UP_REQUESTS:])
        return f"{1000 * self.latency_seconds:.1f} ms a photo of {LATENCY_SIZE[1]} × {LATENCY_SIZE[0]} on the CPU"

    def _call(self, name: str, **inputs: Any) -> dict[str, np.ndarray]:
        outputs = self.model.signatures[name](**{key: tf.constant(value) for key, value in inputs.items()})
        return {key: value.numpy() for key, value in outputs.items()}

    def _check_class_map(self, name: str, class_map: np.ndarray, batch: int) -> None:
        _expect(class_map.dtype == np.uint8, f"class_map of {name} is {class_map.dtype}, not uint8")
        _expect_shape(f"class_map of {name}", class_map, (batch, self.size, self.size))
        highest = int(class_map.max(initial=0))
        _expect(highest < self.classes, f"{name} gives class {highest}, and there are {self.classes}")

    def _check_scores(self, name: str, scores: np.ndarray, batch: int) -> None:
        _expect(scores.dtype == np.float32, f"{name} are {scores.dtype}, not float32")
        _expect_shape(name, scores, (batch, self.size, self.size, self.classes))
        _expect(bool(np.isfinite(scores).all()), f"{name} are not all finite")


def _expect(condition: bool, otherwise: str) -> None:
    if not condition:
        raise CheckError(otherwise)


def _expect_shape(what: str, values: np.ndarray, shape: tuple[int, ...]) -> None:
    _expect(values.shape == shape, f"{what} has the shape {values.shape}, not {shape}")


def _names(names: set[str]) -> str:
    return " and ".join(sorted(names)) or "nothing"


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


@functools.lru_cache
def _encode(kind: str, height: int, width: int) -> bytes:
    pixels = np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)
    return (tf.io.encode_jpeg if kind == "jpeg" else tf.io.encode_png)(pixels).numpy()


def _peak_memory_bytes() -> int:
    """The most memory that this process has held.

    `getrusage` would also count what the process that started this one held: Linux hands that on through `exec`.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run(checks: Checks, journal: IO[str]) -> None:
    """Runs all checks and writes what became of each; without a model to ask, the rest is left out."""

    def write(**values: Any) -> None:
        journal.write(json.dumps(values) + "\n")
        journal.flush()

    for name, check in checks.all().items():
        write(started=name)
        try:
            detail, passed = check(), True
        except Exception as error:
            detail, passed = str(error) if isinstance(error, CheckError) else _words(error), False
        write(check=name, passed=passed, detail=detail)
        if not passed and name in ("load", "description"):
            break
    write(
        load_seconds=getattr(checks, "load_seconds", None),
        latency_seconds=getattr(checks, "latency_seconds", None),
        peak_memory_bytes=_peak_memory_bytes(),
    )


def main() -> int:
    """Runs the checks of the SavedModel that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="the SavedModel's folder")
    parser.add_argument("requests", type=Path, help="a folder with records.tfrecord, images.npy and labels.npy")
    parser.add_argument("journal", type=Path, help="where the JSON lines go")
    parser.add_argument("--latency-requests", type=int, required=True)
    options = parser.parse_args()
    with options.journal.open("w") as journal:
        run(Checks(options.model, options.requests, options.latency_requests), journal)
    return 0


if __name__ == "__main__":
    sys.exit(main())
