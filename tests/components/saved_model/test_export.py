"""The exported SavedModel from the point of view of a client: signatures, bad requests, description, documentation."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import re
import shutil
import struct
import subprocess
import sys
import urllib.request
import zlib
from concurrent import futures
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from components.networks import create_network
from components.saved_model.description import ModelDescription, read_description
from components.saved_model.export import export_saved_model
from tests.conftest import CLASSES
from tfds_voc_seg.devkit.folders import Pair
from tfds_voc_seg.labels import VOID
from tfds_voc_seg.photos import decode_photo, resize_photo
from tfds_voc_seg.record_config import RecordConfig
from tfds_voc_seg.records.decoding import class_map_from_one_hot, parse_record
from tfds_voc_seg.records.encoding import PairEncoder

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE = 32
NAMES = ("background", *CLASSES)
DESCRIPTION = ModelDescription(NAMES, SIZE, "small", {"width": 8}, {"epochs": 3, "rate": 0.5}, 99, 1.5)
GUIDE = Path(__file__).parents[3] / "docs/serving.md"


def _network(policy: str = "float32") -> keras.Model:
    images = keras.Input((SIZE, SIZE, 3))
    features = keras.layers.Rescaling(1 / 127.5, offset=-1, dtype=policy)(images)
    initializer = keras.initializers.RandomNormal(seed=1)
    features = keras.layers.Conv2D(8, 5, padding="same", kernel_initializer=initializer, dtype=policy)(features)
    features = keras.layers.BatchNormalization(dtype=policy)(features)
    scores = keras.layers.Conv2D(len(NAMES), 1, kernel_initializer=initializer, dtype=policy)(features)
    return keras.Model(images, scores)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return _network()


@pytest.fixture(scope="module")
def folder(network: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "1"
    export_saved_model(network, DESCRIPTION, folder)
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    return tf.saved_model.load(str(folder))


def _file(file_format: str, mode: str, height: int, width: int, **options: Any) -> bytes:
    bands = len(Image.new(mode, (1, 1)).getbands())
    values = np.random.default_rng(height).integers(0, 256, (height, width, bands), np.uint8)
    image = Image.merge(mode, [Image.fromarray(values[..., band]) for band in range(bands)])
    written = io.BytesIO()
    image.save(written, file_format, **options)
    return written.getvalue()


JPEG, PNG, GIF, BMP = (
    _file(name, mode, 40, 50) for name, mode in (("JPEG", "RGB"), ("PNG", "RGB"), ("GIF", "L"), ("BMP", "RGB"))
)
FILES = (
    JPEG,
    PNG,
    GIF,
    BMP,
    _file("JPEG", "L", 300, 7),
    _file("JPEG", "CMYK", 20, 90, progressive=True),
    _file("PNG", "L", 1, 1),
    _file("PNG", "RGBA", SIZE, SIZE),
)


def _png_claiming(width: int, height: int) -> bytes:
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


def _jpeg_claiming(width: int, height: int) -> bytes:
    place = JPEG.index(b"\xff\xc0") + 5  # in the frame header, after marker, length and precision
    return JPEG[:place] + struct.pack(">HH", height, width) + JPEG[place + 4 :]


def _gif_claiming(width: int, height: int) -> bytes:
    return GIF[:6] + struct.pack("<HH", width, height) + GIF[10:]


def test_a_batch_can_mix_formats_and_sizes(model: Any, network: keras.Model) -> None:
    answer = model.signatures["serving_default"](image_bytes=tf.constant(FILES))
    images = tf.stack([resize_photo(decode_photo(tf.constant(file)), SIZE) for file in FILES])
    expected = network(tf.cast(images, tf.float32), training=False)
    assert (answer["class_map"].dtype, answer["scores"].dtype) == (tf.uint8, tf.float32)
    assert answer["class_map"].shape == (len(FILES), SIZE, SIZE)
    np.testing.assert_allclose(answer["scores"], expected, atol=1e-4)
    np.testing.assert_array_equal(answer["class_map"], np.argmax(answer["scores"], axis=-1))
    assert len(np.unique(answer["class_map"])) > 2  # the network distinguishes pixels


def test_the_other_signatures_for_encoded_images(model: Any) -> None:
    answer = model.signatures["serving_default"](image_bytes=tf.constant(FILES))
    alone = model.signatures["class_map"](image_bytes=tf.constant(FILES))
    assert list(alone) == ["class_map"]
    np.testing.assert_array_equal(alone["class_map"], answer["class_map"])
    probabilities = model.signatures["probabilities"](image_bytes=tf.constant(FILES))["probabilities"].numpy()
    assert probabilities.dtype == np.float32
    exponentials = np.exp(answer["scores"].numpy())
    np.testing.assert_allclose(probabilities, exponentials / exponentials.sum(axis=-1, keepdims=True), atol=1e-5)


def test_photos_records_and_decoded_images_get_the_same_classes(model: Any, devkit: Path) -> None:
    ids = (devkit / "ImageSets/Segmentation/val.txt").read_text().split()
    photos = [devkit / f"JPEGImages/{image_id}.jpg" for image_id in ids]
    encode = PairEncoder(RecordConfig(SIZE, CLASSES))
    records = [
        encode(Pair(image_id, str(photo), str(devkit / f"SegmentationClass/{image_id}.png")))
        for image_id, photo in zip(ids, photos, strict=True)
    ]
    parsed = [parse_record(tf.constant(record), SIZE, len(NAMES)) for record in records]
    answer = model.signatures["segment_examples"](examples=tf.constant(records))
    label = np.stack([class_map_from_one_hot(mask) for _, mask in parsed])
    assert VOID in label
    np.testing.assert_array_equal(answer["label"], label)
    assert answer["label"].dtype == answer["class_map"].dtype == tf.uint8
    encoded = tf.constant([photo.read_bytes() for photo in photos])
    for same in (
        model.signatures["segment_images"](images=tf.stack([image for image, _ in parsed])),
        model.signatures["serving_default"](image_bytes=encoded),
    ):
        np.testing.assert_array_equal(answer["class_map"], same["class_map"])


def test_class_maps_have_the_size_of_the_decoded_images(model: Any) -> None:
    images = tf.zeros((2, 50, 70, 3), tf.uint8)
    assert model.signatures["segment_images"](images=images)["class_map"].shape == (2, 50, 70)


def _check_empty_batches(model: Any) -> None:
    shapes: dict[str, tuple[int, ...]] = {"class_map": (0, SIZE, SIZE), "label": (0, SIZE, SIZE)}
    shapes |= dict.fromkeys(("scores", "probabilities"), (0, SIZE, SIZE, len(NAMES)))
    for name in ("serving_default", "class_map", "probabilities", "segment_examples"):
        for output, values in model.signatures[name](tf.constant([], tf.string)).items():
            assert values.shape == shapes[output]
    empty = model.signatures["segment_images"](images=tf.zeros((0, 5, 6, 3), tf.uint8))
    assert empty["class_map"].shape == (0, 5, 6)


def test_the_answer_to_an_empty_batch_is_empty(model: Any) -> None:
    _check_empty_batches(model)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("unet", {"width": 4, "depth": 2, "batch_normalization": True}),
        ("fcn8", {"width": 0.125, "fully_connected_channels": 0, "batch_normalization": True}),
    ],
)
def test_the_networks_accept_an_empty_batch(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    """For an empty batch, oneDNN's convolution returns the channels of its input, and the next layer would fail."""
    network = create_network(name, image_size=SIZE, num_classes=len(NAMES), **options)
    export_saved_model(network, DESCRIPTION, tmp_path / "1")
    _check_empty_batches(tf.saved_model.load(str(tmp_path / "1")))


def _error_of(model: Any, *files: bytes) -> str:
    """The error message for a request; checks that a good request after it is answered as before."""
    segment = model.signatures["serving_default"]
    before = segment(image_bytes=tf.constant([JPEG]))["scores"]
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        segment(image_bytes=tf.constant(files))
    np.testing.assert_array_equal(segment(image_bytes=tf.constant([JPEG]))["scores"], before)
    return str(error.value)


@pytest.mark.parametrize("content", [b"", b"\xff", b"<html>", base64.b64encode(JPEG), b"\x89PNG\r\n", PNG[1:]])
def test_the_error_for_another_file_names_its_index(model: Any, content: bytes) -> None:
    sentence = "image_bytes[2] is not a JPEG, PNG, GIF or BMP file: send the bytes of an image file"
    assert sentence in _error_of(model, JPEG, PNG, content, JPEG)
    assert sentence.replace("[2]", "[0]") in _error_of(model, content)


@pytest.mark.parametrize("length", [9, 30, 0.5, 0.9])
@pytest.mark.parametrize("file", [JPEG, PNG, GIF, BMP], ids=["jpeg", "png", "gif", "bmp"])
def test_a_corrupt_image_is_rejected(model: Any, file: bytes, length: float) -> None:
    cut = file[: int(length if length > 1 else len(file) * length)]
    assert "image_bytes[" not in _error_of(model, JPEG, cut)  # the decoder's own message


@pytest.mark.parametrize("claiming", [_png_claiming, _jpeg_claiming, _gif_claiming])
def test_a_decompression_bomb_is_rejected_from_its_header(model: Any, claiming: Callable[[int, int], bytes]) -> None:
    sentence = "image_bytes[1] unpacks to 50001000 pixels, and 50000000 are allowed: make the image smaller"
    for _ in range(50):  # every time: the check never races with the decoder
        assert sentence in _error_of(model, PNG, claiming(50_001, 1_000))
    assert "unpacks to 4290250000 pixels" in _error_of(model, claiming(65_500, 65_500))


def test_the_largest_images_pass_the_check(model: Any) -> None:
    assert "unpacks" not in _error_of(model, _png_claiming(50_000, 1_000))  # there are no data after the header
    written = io.BytesIO()
    Image.new("L", (50_000, 1_000)).save(written, "PNG")
    assert model.signatures["class_map"](image_bytes=tf.constant([written.getvalue()]))["class_map"].shape[0] == 1


@settings(max_examples=60, deadline=None)
@given(file=st.sampled_from([b"", *FILES[:4]]), place=st.integers(0, 60), noise=st.binary(max_size=40))
def test_any_bytes_get_an_answer_or_an_error(model: Any, file: bytes, place: int, noise: bytes) -> None:
    content = file[:place] + noise + file[place + len(noise) :]
    with contextlib.suppress(tf.errors.InvalidArgumentError):
        assert model.signatures["class_map"](image_bytes=tf.constant([content]))["class_map"].shape == (1, SIZE, SIZE)


def test_invalid_records_are_rejected(model: Any) -> None:
    for content in (b"no record", b"", tf.train.Example().SerializeToString()):
        with pytest.raises(tf.errors.InvalidArgumentError):
            model.signatures["segment_examples"](examples=tf.constant([content]))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_outputs_are_float32_under_mixed_precision(policy: str, tmp_path: Path) -> None:
    network = _network(policy)
    assert network.output.dtype != "float32"
    export_saved_model(network, DESCRIPTION, tmp_path / "1")
    signatures = tf.saved_model.load(str(tmp_path / "1")).signatures
    scores = signatures["serving_default"](image_bytes=tf.constant(FILES))["scores"]
    assert scores.dtype == tf.float32
    probabilities = signatures["probabilities"](image_bytes=tf.constant(FILES))["probabilities"]
    assert probabilities.dtype == tf.float32
    np.testing.assert_allclose(tf.reduce_sum(probabilities, axis=-1), 1, atol=1e-5)


def test_a_network_created_under_a_strategy_is_exported_outside_of_it(model: Any, tmp_path: Path) -> None:
    with tf.distribute.MirroredStrategy(["/cpu:0"]).scope():
        network = _network()
    export_saved_model(network, DESCRIPTION, tmp_path / "1")
    answer = tf.saved_model.load(str(tmp_path / "1")).signatures["serving_default"](image_bytes=tf.constant(FILES))
    expected = model.signatures["serving_default"](image_bytes=tf.constant(FILES))  # the same seeds
    np.testing.assert_allclose(answer["scores"], expected["scores"], atol=1e-5)


def test_the_functions_contain_no_device(network: keras.Model, tmp_path: Path) -> None:
    with tf.device("/cpu:0"):
        export_saved_model(network, DESCRIPTION, tmp_path / "1")
    content = saved_model_pb2.SavedModel.FromString((tmp_path / "1/saved_model.pb").read_bytes())
    functions = content.meta_graphs[0].graph_def.library.function
    nodes = [node for function in functions for node in function.node_def]
    for op in ("Conv2D", "DecodeImage", "ResizeBilinear", "ArgMax", "Assert"):
        assert {node.device for node in nodes if node.op == op} == {""}


def test_the_description_is_part_of_the_model(model: Any, folder: Path, tmp_path: Path) -> None:
    assert read_description(folder) == DESCRIPTION
    written = json.loads((folder / "assets/segmentation.json").read_text())
    assert written["training"] == {"epochs": 3, "rate": 0.5}
    assert written["class_names"] == list(NAMES)
    assert written["palette"][NAMES.index("person")] == [192, 128, 128]
    assert model.description.asset_path.numpy().decode() == str(folder / "assets/segmentation.json")

    tf.saved_model.save(model, str(tmp_path / "again"), signatures=dict(model.signatures))
    assert read_description(tmp_path / "again") == DESCRIPTION
    assert "serving_default" in tf.saved_model.load(str(tmp_path / "again")).signatures


def test_every_class_has_a_different_colour() -> None:
    def palette(*names: str) -> list[tuple[int, int, int]]:
        return ModelDescription(names, SIZE, "small", {}, {}, 1, 1.0).palette

    assert palette("background", "dog", "person") == [(0, 0, 0), (64, 0, 128), (192, 128, 128)]
    mixed = palette("background", "zebra", "dog", "unicorn")
    assert (mixed[0], mixed[2]) == ((0, 0, 0), (64, 0, 128))
    voc = palette(*NAMES)
    assert len({*mixed, *voc}) == len(mixed) + len(voc) - 1  # background is in both


def test_an_unreadable_description_is_rejected_with_a_reason(tmp_path: Path) -> None:
    file = tmp_path / "assets/segmentation.json"
    file.parent.mkdir()
    for content in (None, "", "[]", "7", "{", '{"class_names": ["background"]}'):
        if content is not None:
            file.write_text(content)
        with pytest.raises(ValueError, match=f"^{tmp_path} is not a model of this project: {file} cannot be read"):
            read_description(tmp_path)
    with pytest.raises(ValueError, match="it lacks 'image_size'"):
        read_description(tmp_path)
    file.write_text(json.dumps({**json.loads(DESCRIPTION.to_json()), "of_a_later_version": 1}))
    assert read_description(tmp_path) == DESCRIPTION


def test_loading_needs_only_tensorflow(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(JPEG)
    program = f"""
import sys
import tensorflow as tf
model = tf.saved_model.load({str(folder)!r})
photo = tf.io.read_file("photo.jpg")
print(model.signatures["serving_default"](image_bytes=photo[tf.newaxis])["class_map"].shape)
print([name for name in sys.modules if name.split(".")[0] in ("components", "tfds_voc_seg", "pipeline")])
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == [f"(1, {SIZE}, {SIZE})", "[]"]


class _Server(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers like TensorFlow Serving."""

    def __init__(self, model: Any):
        self._model = model

    def Predict(self, request: predict_pb2.PredictRequest, _: grpc.ServicerContext) -> predict_pb2.PredictResponse:  # noqa: N802
        segment = self._model.signatures[request.model_spec.signature_name or "serving_default"]
        outputs = segment(**{name: tf.make_ndarray(value) for name, value in request.inputs.items()})
        wanted = request.output_filter or outputs
        return predict_pb2.PredictResponse(
            outputs={name: tf.make_tensor_proto(outputs[name].numpy()) for name in wanted}
        )

    def rest(self, request: urllib.request.Request) -> io.BytesIO:
        assert request.full_url == "http://localhost:8501/v1/models/vocseg:predict"
        assert isinstance(request.data, bytes)
        body = json.loads(request.data)
        batch = [base64.b64decode(instance["image_bytes"]["b64"]) for instance in body["instances"]]
        (values,) = self._model.signatures[body["signature_name"]](image_bytes=tf.constant(batch)).values()
        return io.BytesIO(json.dumps({"predictions": values.numpy().tolist()}).encode())


def test_the_examples_of_the_guide_work(
    model: Any, folder: Path, devkit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = next((devkit / "JPEGImages").iterdir())
    shutil.copy(photo, tmp_path / "photo.jpg")
    shutil.copytree(folder, tmp_path / "runs/demo/serving/1735689600")
    monkeypatch.chdir(tmp_path)
    server, grpc_server = _Server(model), grpc.server(futures.ThreadPoolExecutor(1))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(server, grpc_server)
    port = grpc_server.add_insecure_port("localhost:0")
    grpc_server.start()
    monkeypatch.setattr(urllib.request, "urlopen", server.rest)
    start, own_size, without_tensorflow, description, rest, over_grpc = re.findall(
        r"```python\n(.*?)```", GUIDE.read_text().replace("localhost:8500", f"localhost:{port}"), re.DOTALL
    )
    decoded = decode_photo(tf.constant(photo.read_bytes()))
    at_own_size = model.signatures["segment_images"](images=decoded[tf.newaxis])["class_map"][0].numpy()
    names: dict[str, Any] = {}

    exec(start, names)
    small = names["small_class_map"].numpy()
    assert small.shape == (SIZE, SIZE)
    exec(own_size, names)
    assert names["class_map"].dtype == np.uint8
    np.testing.assert_array_equal(names["class_map"], at_own_size)
    exec(without_tensorflow, names)
    assert (names["class_map"] != at_own_size).mean() < 1e-3
    exec(description, names)
    with Image.open("class_map.png") as picture:
        person = np.array(picture.convert("RGB"))[names["class_map"] == NAMES.index("person")]
    assert person.size == 0 or (person == (192, 128, 128)).all()
    for block in (rest, over_grpc):
        del names["small_class_map"]
        exec(block, names)
        np.testing.assert_array_equal(names["small_class_map"], small)
    grpc_server.stop(None)


def test_the_guide_lists_every_signature(model: Any) -> None:
    listed = {}
    for name, takes, gives in re.findall(r"^\| `(\w+)` \| (`.*) \| (`.*) \|$", GUIDE.read_text(), re.MULTILINE):
        listed[name] = (re.findall(r"`(\w+)`", takes), set(re.findall(r"`(\w+)` (?:uint8|float32)", gives)))
    signatures = {
        name: ([*signature.structured_input_signature[1]], {*signature.structured_outputs})
        for name, signature in model.signatures.items()
    }
    assert listed == signatures
