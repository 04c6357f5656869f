"""PublishedModel: which version of a serving folder is in service, and its copy."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tfx.utils import path_utils

from components.manifest import ArtifactError
from components.model_pusher.publishing import publish
from components.saved_model.model_digest import model_digest
from components.saved_model.serving_folder import latest_version, serving_state
from tests.components.model_pusher.version_folders import FILES, write_model

if TYPE_CHECKING:
    from collections.abc import Callable


def test_the_model_in_service_is_the_highest_complete_version(
    model_in_service: Callable[[Path, Path], Any], model_of: Callable[..., Any], tmp_path: Path
) -> None:
    serving = tmp_path / "serving"
    assert latest_version(serving) is None
    assert serving_state(serving) == ""
    empty = model_in_service(tmp_path / "published", serving)
    assert empty.get_int_custom_property("in_service") == 0

    source = path_utils.serving_model_dir(model_of(0).uri)
    for version in ("9", "10"):
        shutil.copytree(source, serving / version)
    (serving / "11").mkdir()  # without saved_model.pb: a copy in progress
    (serving / "notes").mkdir()
    state = serving_state(serving)
    artifact = model_in_service(tmp_path / "published again", serving)
    assert artifact.get_int_custom_property("in_service") == 1
    assert artifact.get_string_custom_property("version") == "10"
    assert artifact.get_string_custom_property("model_digest") == model_digest(serving / "10")
    assert (Path(path_utils.serving_model_dir(artifact.uri)) / "saved_model.pb").is_file()
    shutil.rmtree(serving / "10")
    assert serving_state(serving) not in ("", state)


def test_a_change_of_any_file_of_the_version_in_service_is_a_new_state(tmp_path: Path) -> None:
    """Otherwise the cached copy of the model is used, and the damage is not noticed."""
    version = write_model(tmp_path / "10")
    states = [serving_state(tmp_path)]
    for name in FILES:
        with (version / name).open("a") as file:
            file.write("b")
        states.append(serving_state(tmp_path))
    (version / "assets/added").touch()
    states.append(serving_state(tmp_path))
    assert len({*states}) == len(FILES) + 2


def test_a_version_that_was_damaged_after_it_was_published_is_an_error(
    model_in_service: Callable[[Path, Path], Any], model_of: Callable[..., Any], tmp_path: Path
) -> None:
    source, serving = Path(path_utils.serving_model_dir(model_of(0).uri)), tmp_path / "serving"
    version = publish(source, serving, publication={"model_digest": model_digest(source)})
    assert model_in_service(tmp_path / "intact", serving).get_string_custom_property("version") == version.name
    (variables,) = Path(version).glob("variables/variables.data-*")
    content = variables.read_bytes()
    variables.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ArtifactError, match=f"^{re.escape(str(version))} is damaged: .* delete that folder"):
        model_in_service(tmp_path / "damaged", serving)
