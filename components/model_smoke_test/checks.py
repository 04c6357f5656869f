"""The checks of the smoke test, a program for a separate process: `python -m components.model_smoke_test.checks …`.

Like a server, the program has TensorFlow and the SavedModel, but none of this project's code except this folder's: it
imports only TensorFlow and numpy. It writes a JSON line when it starts and when it finishes each check. If the process
dies, the journal shows which check was running.
"""

from __future__ import annotations

import argparse
import functools
import gc
import json
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from components.model_smoke_test.expectations import CheckError, expect, expect_same, expect_shape, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SIGNATURES = {
    "serving_default": ("image_bytes", {"class_map", "scores"}),
    "class_map": ("image_bytes", {"class_map"}),
    "probabilities": ("image_bytes", {"probabilities"}),
    "segment_examples": ("examples", {"class_map", "label"}),
    "segment_images": ("images", {"class_map"}),
    "score_images": ("images", {"scores"}),
}
"""Signature → its input and its outputs, as documented in `docs/serving.md`."""

ODD_SIZES = ((1, 1), (7, 300), (37, 53), (333, 501))
LATENCY_SIZE = (375, 500)
"""Height and width of a typical VOC photo."""

_WARM_UP_REQUESTS = 2
_EQUAL_PROBABILITIES = 1e-5
"""Difference below which two probabilities count as equal: they are added in different orders."""


_OTHER_LABELS = "segment_examples returns other labels than the evaluation"


class Checks:
    """The checks of one SavedModel.

    Attributes:
        model: the loaded SavedModel; set by `load`.
        load_seconds: loading time; `None` before `load`.
        size: height and width of the network's input in pixels; set by `description`.
        classes: number of classes; set by `description`.
        latency_seconds: median time of a request with one photo; `None` before `latency`.
    """

    model: Any
    size: tuple[int, int]
    classes: int
    load_seconds: float | None = None
    latency_seconds: float | None = None
    _resizes_by: str

    def __init__(self, model: str, requests: Path, latency_requests: int):
        self._folder = model
        self._requests = requests
        self._latency_requests = latency_requests

    def all(self) -> dict[str, Callable[[], str]]:
        """Lists the checks in their order, by name; each returns its findings, or raises if the model is wrong."""
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
        """The model loads and has the documented signatures."""
        started = time.monotonic()
        self.model = tf.saved_model.load(self._folder)
        self.load_seconds = time.monotonic() - started
        for name, (takes, gives) in SIGNATURES.items():
            expect(name in self.model.signatures, f"the signature {name} is missing")
            signature = self.model.signatures[name]
            inputs, outputs = {*signature.structured_input_signature[1]}, {*signature.structured_outputs}
            expect(
                (inputs, outputs) == ({takes}, gives),
                f"the signature {name} takes {_names(inputs)} and returns {_names(outputs)}; "
                f"expected: {takes}, and {_names(gives)}",
            )
        return f"{len(SIGNATURES)} signatures, loaded in {self.load_seconds:.1f} s"

    def description(self) -> str:
        """The description names as many classes as the model has scores."""
        description = json.loads(tf.io.read_file(f"{self._folder}/assets/segmentation.json").numpy())
        size, names = description["image_size"], description["class_names"]
        self._resizes_by = description.get("resize", "stretch")
        self.size = (size, size) if isinstance(size, int) else (size[0], size[1])
        self.classes = len(names)
        channels = self._call("serving_default", image_bytes=[_encode("png", 5, 5)])["scores"].shape[-1]
        expect(
            channels == self.classes,
            f"assets/segmentation.json names {self.classes} classes, but scores has {channels} channels",
        )
        return f"{self.classes} classes, {self.size[0]} × {self.size[1]} pixels"

    def image_files(self) -> str:
        """One request with JPEG and PNG files of odd sizes: shapes, types and classes are valid, all outputs agree."""
        sizes = (*ODD_SIZES, (self.size[0] + 1, self.size[1]))
        files = [_encode(kind, *size) for kind in ("jpeg", "png") for size in sizes]
        answer = self._call("serving_default", image_bytes=files)
        self._check_class_map("serving_default", answer["class_map"], len(files))
        self._check_scores("scores", answer["scores"], len(files))
        best = np.argmax(answer["scores"], axis=-1)
        expect(np.array_equal(answer["class_map"], best), "class_map is not the class with the highest score")
        alone = self._call("class_map", image_bytes=files)["class_map"]
        expect(np.array_equal(alone, best), "the signature class_map returns other classes than serving_default")
        probabilities = self._call("probabilities", image_bytes=files)["probabilities"]
        self._check_scores("probabilities", probabilities, len(files))
        expect(np.allclose(probabilities.sum(axis=-1), 1, atol=1e-4), "probabilities do not add up to 1")
        return f"{len(files)} JPEG and PNG files of {len(sizes)} sizes in one request"

    def empty_batch(self) -> str:
        """Each signature answers a request without images with an empty batch."""
        for name, (takes, _) in SIGNATURES.items():
            shape = (5, 6) if name == "segment_images" else self.size
            empty = np.zeros((0, *shape, 3), np.uint8) if takes == "images" else tf.constant([], tf.string)
            for output, values in self._call(name, **{takes: empty}).items():
                channels = (self.classes,) if output in ("scores", "probabilities") else ()
                expect_shape(f"{output} of {name} for an empty batch", values, (0, *shape, *channels))
        return f"{len(SIGNATURES)} signatures return an empty batch"

    def corrupt_images(self) -> str:
        """The model refuses data that is not an image, and answers the next request as before."""
        jpeg, png = (_encode(kind, 40, 50) for kind in ("jpeg", "png"))
        before = self._call("class_map", image_bytes=[jpeg, png])["class_map"]
        corrupt = {
            "an empty file": b"",
            "a text file": b"<html>not found</html>",
            "a truncated JPEG": jpeg[: len(jpeg) // 2],
            "a truncated PNG": png[: len(png) // 2],
        }
        for what, content in corrupt.items():
            try:
                self._call("class_map", image_bytes=[png, content])
            except tf.errors.InvalidArgumentError as error:
                expect(bool(error.message.strip()), f"{what} is refused without an error message")
            except Exception as error:
                raise CheckError(f"{what} causes {one_line(error)} instead of INVALID_ARGUMENT") from error
            else:
                raise CheckError(f"{what} is answered as if it were an image")
            after = self._call("class_map", image_bytes=[jpeg, png])["class_map"]
            expect(np.array_equal(before, after), f"after {what}, a valid request is answered differently")
        return f"{', '.join(corrupt)}: each refused with INVALID_ARGUMENT, the next request answered as before"

    def agreement(self) -> str:
        """All signatures return the class maps that the evaluation counts, pixel by pixel."""
        if self._resizes_by == "crop":
            return self._agreement_of_windows()
        images, labels = (np.load(self._requests / f"{name}.npy") for name in ("images", "labels"))
        scores = self._call("score_images", images=images)["scores"]  # the signature that the evaluation calls
        self._check_scores("score_images", scores, len(images))
        evaluated = np.argmax(scores, axis=-1).astype(np.uint8)
        pixels = self._call("segment_images", images=images)["class_map"]
        self._check_class_map("segment_images", pixels, len(images))
        files = [tf.io.encode_png(image).numpy() for image in images]
        served = self._call("serving_default", image_bytes=files)["class_map"]
        of_records = self._call("segment_examples", examples=self._records())
        for name, class_map in (
            ("serving_default", served),
            ("segment_examples", of_records["class_map"]),
            ("segment_images", pixels),
        ):
            expect_same(name, class_map != evaluated)
        expect(np.array_equal(of_records["label"], labels), _OTHER_LABELS)
        return f"{len(images)} images have the same class maps as PNG files, as records and as pixels"

    def _agreement_of_windows(self) -> str:
        """The same for a model that blends windows of images of different sizes."""
        requests = sorted(self._requests.glob("windows_*.npz"))
        for file, record in zip(requests, self._records(), strict=True):
            arrays = dict(np.load(file))
            image, weights = arrays["image"], arrays["weights"][..., np.newaxis]
            evaluated = np.zeros((*image.shape[:2], self.classes))
            probabilities = tf.nn.softmax(self._call("score_images", images=arrays["windows"])["scores"]).numpy()
            for (top, left), part in zip(arrays["places"], probabilities * weights, strict=True):
                evaluated[top : top + self.size[0], left : left + self.size[1]] += part
            pixels = self._call("segment_images", images=image[np.newaxis])["class_map"][0]
            chosen = np.take_along_axis(evaluated, pixels[..., np.newaxis], axis=-1)[..., 0]
            expect_same("segment_images", evaluated.max(axis=-1) - chosen > _EQUAL_PROBABILITIES)
            served = self._call("serving_default", image_bytes=[tf.io.encode_png(image).numpy()])["class_map"]
            of_record = self._call("segment_examples", examples=[record])
            expect_same("serving_default", served != of_record["class_map"])
            expect(np.array_equal(of_record["label"][0], arrays["label"]), _OTHER_LABELS)
        return f"{len(requests)} images have the same class maps as PNG files, as records and as pixels"

    def latency(self) -> str:
        """Measures the median time of a request with one photo."""
        file = _encode("jpeg", *LATENCY_SIZE)
        seconds = []
        for _ in range(_WARM_UP_REQUESTS + self._latency_requests):
            started = time.monotonic()
            self._call("serving_default", image_bytes=[file])
            seconds.append(time.monotonic() - started)
        self.latency_seconds = statistics.median(seconds[_WARM_UP_REQUESTS:])
        size = f"{LATENCY_SIZE[1]} × {LATENCY_SIZE[0]}"
        return f"{1000 * self.latency_seconds:.1f} ms per photo of {size} pixels on the CPU"

    def _records(self) -> list[bytes]:
        return [*tf.data.TFRecordDataset(str(self._requests / "records.tfrecord")).as_numpy_iterator()]

    def _call(self, name: str, **inputs: Any) -> dict[str, NDArray[Any]]:
        outputs = self.model.signatures[name](**{key: tf.constant(value) for key, value in inputs.items()})
        return {key: value.numpy() for key, value in outputs.items()}

    def _check_class_map(self, name: str, class_map: NDArray[Any], batch: int) -> None:
        expect(class_map.dtype == np.uint8, f"class_map of {name} is {class_map.dtype}, not uint8")
        expect_shape(f"class_map of {name}", class_map, (batch, *self.size))
        highest = int(class_map.max(initial=0))
        expect(highest < self.classes, f"{name} returns class {highest}, but there are only {self.classes} classes")

    def _check_scores(self, name: str, scores: NDArray[Any], batch: int) -> None:
        expect(scores.dtype == np.float32, f"{name} are {scores.dtype}, not float32")
        expect_shape(name, scores, (batch, *self.size, self.classes))
        expect(bool(np.isfinite(scores).all()), f"{name} are not all finite")


def _names(names: set[str]) -> str:
    return " and ".join(sorted(names)) or "nothing"


@functools.lru_cache
def _encode(kind: str, height: int, width: int) -> bytes:
    """Encodes a random image as a `jpeg` or `png` file."""
    pixels = np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)
    return bytes((tf.io.encode_jpeg if kind == "jpeg" else tf.io.encode_png)(pixels).numpy())


def _peak_memory_bytes() -> int:
    """Returns the peak resident memory of this process.

    `getrusage` is only the fallback: on Linux its peak survives `exec`, so that it includes the memory of the process
    that started this one.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run(checks: Checks, journal: IO[str]) -> None:
    """Runs all checks and writes their results; if `load` or `description` fails, the remaining checks are skipped."""

    def write(**values: Any) -> None:
        journal.write(json.dumps(values) + "\n")
        journal.flush()

    for name, check in checks.all().items():
        write(started=name)
        try:
            detail, passed = check(), True
        except Exception as error:
            detail, passed = str(error) if isinstance(error, CheckError) else one_line(error), False
        write(check=name, passed=passed, detail=detail)
        if not passed and name in ("load", "description"):
            break
    write(
        load_seconds=checks.load_seconds,
        latency_seconds=checks.latency_seconds,
        peak_memory_bytes=_peak_memory_bytes(),
    )


def main() -> int:
    """Runs the checks of the SavedModel named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="the SavedModel's folder")
    parser.add_argument("requests", type=Path, help="folder with records.tfrecord, images.npy and labels.npy")
    parser.add_argument("journal", type=Path, help="file to which the JSON lines are written")
    parser.add_argument("--latency-requests", type=int, required=True, help="number of requests for the latency")
    options = parser.parse_args()
    with options.journal.open("w") as journal:
        run(Checks(options.model, options.requests, options.latency_requests), journal)
    return 0


if __name__ == "__main__":
    gc.freeze()  # what TensorFlow has created is no garbage: Python does not search it later, nor at the end
    sys.exit(main())
