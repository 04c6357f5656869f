from __future__ import annotations

import base64
import io
import sys
import tempfile
from typing import TYPE_CHECKING, Any, NoReturn, cast

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from pipeline.demo.app import LONGEST_SIDE, make_app
from pipeline.demo.limits import MEBIBYTE, Limits
from pipeline.demo.protection import CONTENT_POLICY, host_name
from pipeline.demo.samples import sample_images
from pipeline.demo.server import AddressError, is_this_machine_only, listen, model_titles
from pipeline.prediction.segmenter import load_segmenter
from tests.pipeline.demo.models import CLASS_NAMES, IMAGE_SIZE, picture
from tfds_voc_seg.geometry import Geometry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray


def encoded(pixels: NDArray[np.uint8], kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


@pytest.fixture(scope="module")
def client(colour_models: tuple[Path, Path]) -> TestClient:
    models = {path.name: load_segmenter(path) for path in colour_models}
    limits = Limits(MEBIBYTE // 2, 512 * MEBIBYTE)
    app = make_app(
        models,
        sample_images(CLASS_NAMES, 2),
        limits=limits,
        allowed_hosts=frozenset({"demo.lan"}),
    )
    return TestClient(app, base_url="http://127.0.0.1:8640")


def class_map(answer: dict[str, Any]) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(answer["class_map"]))))


def test_the_page_and_its_files_are_served(client: TestClient) -> None:
    for path, kind in (("/", "text/html"), ("/demo.css", "text/css"), ("/demo.js", "text/javascript")):
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
        assert answer.headers["content-security-policy"] == CONTENT_POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "http" not in answer.text.replace("http://www.w3.org/2000/svg", ""), "the page refers to another server"
    facts = client.get("/facts.json").json()
    assert [model["title"] for model in facts["models"]] == ["colours", "blind"]
    assert facts["models"][0]["classes"][1] == {"name": "person", "colour": [192, 128, 128]}
    for sample in facts["samples"]:
        assert Image.open(io.BytesIO(client.get(sample["address"]).content)).format == "JPEG"
    assert client.get("/samples/9.jpg").status_code == 404
    assert client.get("/etc/passwd").status_code == 404


def test_a_posted_image_is_segmented(client: TestClient, colour_models: tuple[Path, Path]) -> None:
    answer = client.post("/segment/0", content=encoded(picture())).json()
    expected = load_segmenter(colour_models[0])(picture())
    assert (class_map(answer) == expected.class_map).all()
    assert class_map(answer)[60, [40, 80, 120]].tolist() == [1, 0, 3]
    assert answer["shares"] == expected.pixel_shares
    assert (answer["width"], answer["height"]) == (160, 120)
    assert set(client.post("/segment/1", content=encoded(picture(), "JPEG")).json()["shares"]) == {"background"}


def test_the_class_map_of_a_large_picture_is_reduced(client: TestClient) -> None:
    pixels = np.asarray(Image.fromarray(picture()).resize((2400, 1800), Image.Resampling.NEAREST))
    answer = client.post("/segment/0", content=encoded(pixels)).json()
    assert (answer["width"], answer["height"]) == (2400, 1800)
    assert class_map(answer).shape == (LONGEST_SIDE * 3 // 4, LONGEST_SIDE)
    assert set(np.unique(class_map(answer))) == {0, 1, 3}


@pytest.mark.parametrize(
    ("content", "status", "message"),
    [
        (b"", 415, "The image is empty."),
        (b"hello", 415, "The image is not an image in a supported format: supported are JPEG, PNG"),
        (encoded(picture())[:200], 415, "damaged or truncated"),
        (b"\x89PNG" + bytes(600_000), 413, "The file is larger than 0.5 MB, the limit of this page."),
    ],
)
def test_unusable_files_are_refused(client: TestClient, content: bytes, status: int, message: str) -> None:
    answer = client.post("/segment/0", content=content)
    assert answer.status_code == status
    assert message in answer.json()["error"]


def test_a_body_without_content_length_is_read_up_to_the_limit(client: TestClient) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(100):
            yield bytes(100_000)

    assert client.post("/segment/0", content=chunks()).status_code == 413


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1:8640", {}, 200),
        ("127.0.0.1:8640", {"host": "localhost:8640"}, 200),
        ("127.0.0.1:8640", {"host": "evil.example:8640"}, 400),
        ("127.0.0.1:8640", {"host": ""}, 400),
        ("192.168.1.5:8640", {}, 200),
        ("192.168.1.5:8640", {"host": "localhost:8640"}, 400),
        ("192.168.1.5:8640", {"host": "evil.example:8640"}, 400),
        ("192.168.1.5:8640", {"host": "192.168.1.6:8640"}, 400),
        ("192.168.1.5:8640", {"host": "Demo.LAN.:8640"}, 200),
        ("[::1]:8640", {}, 200),
        ("[::ffff:192.168.1.5]:8640", {"host": "192.168.1.5:8640"}, 200),
        ("127.0.0.1:8640", {"origin": "http://127.0.0.1:8640"}, 200),
        ("127.0.0.1:8640", {"origin": "https://evil.example"}, 403),
        ("127.0.0.1:8640", {"origin": "http://127.0.0.1:9000"}, 403),
        ("127.0.0.1:8640", {"origin": "null"}, 403),
        ("127.0.0.1:8640", {"origin": "http://[bad"}, 403),
        ("192.168.1.5:8640", {"origin": "https://evil.example"}, 403),
        ("127.0.0.1:8640", {"sec-fetch-site": "same-origin"}, 200),
        ("127.0.0.1:8640", {"sec-fetch-site": "cross-site"}, 403),
        ("127.0.0.1:8640", {"sec-fetch-site": "same-site"}, 403),
    ],
)
def test_other_hosts_and_pages_are_refused(
    client: TestClient, address: str, headers: dict[str, str], status: int
) -> None:
    visitor = TestClient(client.app, base_url=f"http://{address}")
    answer = visitor.post("/segment/0", content=encoded(picture()), headers=headers)
    assert answer.status_code == status
    if status == 400:
        assert "allow this one with --allow-host" in answer.json()["error"]
    if status == 403:
        assert answer.json()["error"] == "The demo does not accept requests from other pages."


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("Demo.LAN.:8640", "demo.lan"),
        ("127.0.0.1:8640", "127.0.0.1"),
        ("[::1]:8640", "::1"),
        ("::1", "::1"),  # as in `--host`: an empty name would allow requests without a host
        ("FE80::1", "fe80::1"),
    ],
)
def test_the_name_of_a_host(host: str, name: str) -> None:
    assert host_name(host) == name


def test_unknown_addresses_are_answered_with_a_sentence(client: TestClient) -> None:
    unknown = client.post("/segment/7", content=encoded(picture()))
    assert (unknown.status_code, unknown.json()) == (404, {"error": "This model does not exist."})
    assert client.get("/segment/0").status_code == 405
    assert client.get("/segment/0").json() == {"error": "Method Not Allowed"}


class BrokenModel:
    """Fails like a model whose memory is exhausted, or which is broken."""

    geometry, class_names = Geometry(IMAGE_SIZE), CLASS_NAMES

    def __init__(self, error: Exception):
        self._error = error

    def __call__(self, _: bytes) -> NoReturn:
        raise self._error


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (MemoryError(), 413, "The image needs more memory than this page may use"),
        (KeyError("secret"), 500, "The server failed to process this image."),
    ],
)
def test_errors_of_the_model_reach_the_page_as_a_sentence(error: Exception, status: int, message: str) -> None:
    limits = Limits(MEBIBYTE, 256 * MEBIBYTE)
    app = make_app(
        {"broken": cast("Any", BrokenModel(error))},
        [],
        limits=limits,
        allowed_hosts=frozenset(),
    )
    answer = TestClient(app, base_url="http://127.0.0.1").post("/segment/0", content=encoded(picture()))
    assert answer.status_code == status
    assert answer.json()["error"].startswith(message)


def test_an_image_above_the_memory_is_refused_before_it_is_decoded(client: TestClient) -> None:
    file = io.BytesIO()
    Image.new("1", (6000, 6000)).save(file, "PNG")  # 5 kB
    answer = client.post("/segment/0", content=file.getvalue())
    assert answer.status_code == 413
    assert answer.json()["error"] == "The image needs more memory than this page may use: reduce its size."


_written: list[str] = []
_recording = False


def _record_written_file(event: str, arguments: tuple[Any, ...]) -> None:
    if _recording and event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        _written.append(str(arguments[0]))


def test_an_upload_is_never_written_to_disk(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    global _recording
    noise = np.random.default_rng(0).integers(0, 256, (380, 380, 3), dtype=np.uint8)
    assert client.post("/segment/0", content=encoded(noise)).status_code == 200  # the first run writes generated code
    for name in ("TemporaryFile", "NamedTemporaryFile", "SpooledTemporaryFile", "mkstemp", "mkdtemp"):
        monkeypatch.setattr(tempfile, name, lambda *_, **__: pytest.fail("a temporary file was created"))
    sys.addaudithook(_record_written_file)
    _written.clear()
    _recording = True
    try:
        for content in (
            encoded(noise),
            encoded(noise, "JPEG"),
            encoded(noise, "TIFF"),
            b"not an image",
            bytes(600_000),
        ):
            client.post("/segment/0", content=content)
    finally:
        _recording = False
    assert _written == []


def test_hosts_of_this_machine_are_recognised_and_ports_in_use_reported() -> None:
    assert all(map(is_this_machine_only, ("127.0.0.1", "127.1.2.3", "::1", "localhost")))
    assert not any(map(is_this_machine_only, ("0.0.0.0", "::", "192.168.1.5", "somewhere")))
    with listen("127.0.0.1", 0) as in_use:
        in_use.listen()
        with pytest.raises(AddressError, match=r"port \d+ cannot be used .*give another --port"):
            listen("127.0.0.1", in_use.getsockname()[1])
    with pytest.raises(AddressError, match=r"--host no\.such\.host\.invalid is not an address of this machine"):
        listen("no.such.host.invalid", 0)


def test_models_get_unique_titles() -> None:
    assert model_titles(["runs/a/serving/1", "runs/b/serving/2"]) == ["1", "2"]
    assert model_titles(["runs/a/serving/1", "runs/b/serving/1"]) == ["a/serving/1", "b/serving/1"]
    assert model_titles(["runs/a"]) == ["a"]
