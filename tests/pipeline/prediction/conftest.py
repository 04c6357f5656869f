"""A tiny model whose class maps contain several classes, exported like the pipeline does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tfds_voc_seg.labels import VOC_CLASSES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.prediction.segmenter import Segmenter

SIZE = 32


@pytest.fixture(scope="session")
def export_model() -> Callable[..., Path]:
    """Exports a network of random filters."""

    def export(folder: Path, class_names: tuple[str, ...] = VOC_CLASSES, size: int = SIZE) -> Path:
        import keras

        from components.saved_model.description import ModelDescription
        from components.saved_model.export import export_saved_model

        images = keras.Input((size, size, 3))
        initializer = keras.initializers.RandomNormal(stddev=0.3, seed=1)
        features = keras.layers.Rescaling(1 / 127.5, offset=-1)(images)
        features = keras.layers.Conv2D(8, 5, padding="same", kernel_initializer=initializer)(features)
        scores = keras.layers.Conv2D(len(class_names), 1, kernel_initializer=initializer)(features)
        description = ModelDescription(class_names, size, "random", {}, {}, 9, 1.5)
        export_saved_model(keras.Model(images, scores), description, folder)
        return folder

    return export


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, export_model: Callable[..., Path]) -> Path:
    """A run's output folder with one published model of VOC's 21 classes."""
    folder = tmp_path_factory.mktemp("run")
    export_model(folder / "serving" / "7")
    return folder


@pytest.fixture(scope="session")
def segmenter(run_folder: Path) -> Segmenter:
    from pipeline.prediction.segmenter import load_segmenter

    return load_segmenter(run_folder)
