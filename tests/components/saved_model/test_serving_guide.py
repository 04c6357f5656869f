"""The examples in docs/serving.md work, and its table lists the signatures of the exported model."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import urllib.request
from concurrent import futures
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from tests.components.saved_model.small_model import NAMES, SIZE
from tfds_voc_seg.photos import decode_photo

if TYPE_CHECKING:
    import pytest

GUIDE = Path(__file__).parents[3] / "docs/serving.md"


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
