"""A small network and its SavedModel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import tensorflow as tf

from tests.components.saved_model.small_model import export_small_model, small_network

if TYPE_CHECKING:
    from pathlib import Path

    import keras


@pytest.fixture(scope="session")
def network() -> keras.Model:
    return small_network()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_small_model(tmp_path_factory.mktemp("exported") / "1")


@pytest.fixture(scope="session")
def model(folder: Path) -> Any:
    return tf.saved_model.load(str(folder))
