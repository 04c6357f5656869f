"""A small network and its SavedModel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import tensorflow as tf

from components.saved_model.export import export_saved_model
from tests.components.saved_model.small_model import DESCRIPTION, small_network

if TYPE_CHECKING:
    from pathlib import Path

    import keras


@pytest.fixture(scope="session")
def network() -> keras.Model:
    return small_network()


@pytest.fixture(scope="session")
def folder(network: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "1"
    export_saved_model(network, DESCRIPTION, folder)
    return folder


@pytest.fixture(scope="session")
def model(folder: Path) -> Any:
    return tf.saved_model.load(str(folder))
