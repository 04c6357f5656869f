"""The folder of a target: what is written is read again, and what is damaged is refused."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.saved_model.description import read_description
from components.saved_model.model_digest import model_digest
from components.targets.names import PUBLISHED_TARGETS_FOLDER, TARGETS, model_file
from components.targets.target_folder import (
    TargetDescription,
    TargetError,
    Tensor,
    is_target,
    published_targets,
    read_target,
    write_description,
)
from tests.components.saved_model.small_model import DESCRIPTION
from tfds_voc_seg.storage import file_sha256

if TYPE_CHECKING:
    from pathlib import Path


def made_target(folder: Path, name: Any = "litert", content: bytes = b"network") -> TargetDescription:
    """Writes a target whose model file is not a model."""
    folder.mkdir(parents=True)
    file = folder / model_file(name)
    file.write_bytes(content)
    images = Tensor("images", "uint8", (None, 32, 32, 3), "images")
    scores = Tensor("scores", "float32", (None, 32, 32, 6), "scores")
    sha256 = file_sha256(file)
    target = TargetDescription(
        name, file.name, len(content), sha256, "0" * 64, images, scores, ("cast",), ("decode", "resize")
    )
    write_description(folder, DESCRIPTION, target)
    return target


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_is_read_as_it_was_written(name: str, tmp_path: Path) -> None:
    target = made_target(tmp_path / "target", name)
    found = read_target(tmp_path / "target")
    assert (found.target, found.model) == (target, DESCRIPTION)
    assert found.file.read_bytes() == b"network"
    assert found.target.batch is None
    written = json.loads((tmp_path / "target/segmentation.json").read_text())
    assert written["palette"] == [list(color) for color in DESCRIPTION.channels.colors]
    assert written["target"]["input"]["shape"] == [None, 32, 32, 3]


def test_targets_do_not_change_the_digest_of_a_version(tmp_path: Path) -> None:
    version = tmp_path / "1"
    (version / "assets").mkdir(parents=True)
    (version / "assets/segmentation.json").write_text(DESCRIPTION.to_json())
    before = model_digest(version)
    assert published_targets(version) == {}
    made_target(version / PUBLISHED_TARGETS_FOLDER / "onnx", "onnx")
    made_target(version / PUBLISHED_TARGETS_FOLDER / "litert")
    (version / PUBLISHED_TARGETS_FOLDER / "litert_int8").mkdir()
    assert list(published_targets(version)) == ["litert", "onnx"]
    assert is_target(published_targets(version)["litert"])
    assert model_digest(version) == before
    assert model_digest(published_targets(version)["litert"]) != model_digest(published_targets(version)["onnx"])
    assert read_description(version) == DESCRIPTION


def test_a_damaged_target_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "target"
    made_target(folder)
    (folder / "model.tflite").write_bytes(b"nEtwork")
    assert read_target(folder, digest=False).model == DESCRIPTION
    with pytest.raises(TargetError, match=f"^the content of {folder}/model.tflite has changed; export the model again"):
        read_target(folder)
    (folder / "model.tflite").write_bytes(b"netw")
    with pytest.raises(TargetError, match=r"model.tflite has 4 bytes instead of 7; export"):
        read_target(folder, digest=False)
    (folder / "model.tflite").unlink()
    assert not is_target(folder)
    with pytest.raises(TargetError, match=r"model.tflite is missing; export"):
        read_target(folder)
    with pytest.raises(TargetError, match=f"^{tmp_path} is not an exported model: {tmp_path}/segmentation.json"):
        read_target(tmp_path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"format": "coreml"}, "its format 'coreml' is unknown; known are litert, litert_float16, litert_int8, onnx"),
        ({"file": "../model.tflite"}, r"its file is '../model.tflite' instead of 'model.tflite'"),
        ({"file": "model.onnx"}, "its file is 'model.onnx' instead of 'model.tflite'"),
        ({"input": {"name": "images"}}, "it lacks 'dtype'"),
        ({"input": 3}, "its section 'target' is invalid"),
        ({"output": {"name": "s", "dtype": "float32", "shape": [2], "content": ""}}, r"has the shape \[2\] instead of"),
        (
            {"output": {"name": "s", "dtype": "float32", "shape": [1, None, 4, 2], "content": ""}},
            r"has the shape \[1, None, 4, 2\] instead of",
        ),
    ],
)
def test_an_invalid_section_is_refused_with_a_reason(changed: dict[str, Any], message: str, tmp_path: Path) -> None:
    made_target(tmp_path / "target")
    file = tmp_path / "target/segmentation.json"
    values = json.loads(file.read_text())
    file.write_text(json.dumps({**values, "target": {**values["target"], **changed}}))
    with pytest.raises(TargetError, match=message):
        read_target(tmp_path / "target")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(field=st.sampled_from([field.name for field in dataclasses.fields(TargetDescription)]), value=JSON)
def test_any_value_of_a_field_is_read_or_refused(
    field: str, value: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("any") / "target"
    made_target(folder)
    file = folder / "segmentation.json"
    values = json.loads(file.read_text())
    file.write_text(json.dumps({**values, "target": {**values["target"], field: value}}))
    try:
        read_target(folder)
    except TargetError as error:
        assert "\n" not in str(error)  # noqa: PT017
