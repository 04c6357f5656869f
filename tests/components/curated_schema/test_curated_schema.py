"""CuratedSchema: the schema of the records' features, and the artifact that TFX's components read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.curated_schema import executor
from components.curated_schema.component import CuratedSchema
from components.curated_schema.schema import curated_schema
from components.run_files import SCHEMA_FILE
from tests.conftest import CLASSES, IMAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

CLASS_NAMES = ("background", *CLASSES)


def test_the_artifact_contains_the_schema_of_the_parameters(tmp_path: Path, make_artifact: Callable[..., Any]) -> None:
    schema = curated_schema(CLASS_NAMES, IMAGE_SIZE**2)
    artifact = make_artifact("Schema", tmp_path / "schema")
    executor.Executor().Do({}, {"schema": [artifact]}, CuratedSchema(schema).exec_properties)
    folder = Path(artifact_utils.get_single_uri([artifact]))
    assert [file.name for file in folder.iterdir()] == [SCHEMA_FILE]
    assert io_utils.SchemaReader().read(str(folder / SCHEMA_FILE)) == schema


def test_the_schema_requires_all_tabular_features_and_limits_their_values() -> None:
    features = {feature.name: feature for feature in curated_schema(CLASS_NAMES, IMAGE_SIZE**2).feature}
    assert set(features) == {"classes", "class_pixels", "void_pixels", "height", "width", "filename"}
    assert all(feature.presence.min_fraction == 1 for feature in features.values())
    classes = features["classes"]
    assert classes.int_domain.is_categorical
    assert (classes.int_domain.min, classes.int_domain.max) == (0, len(CLASS_NAMES) - 1)
    assert (classes.value_count.min, classes.value_count.max) == (1, len(CLASS_NAMES))
    assert [dimension.size for dimension in features["class_pixels"].shape.dim] == [len(CLASS_NAMES)]
    assert features["void_pixels"].int_domain.max == IMAGE_SIZE**2
