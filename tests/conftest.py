"""Small real inputs that the tests share: a drawn devkit, its records and artifacts with models."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from components.allocator import collect_garbage_rarely
from tests.exported_models import export_linear_model
from tests.made_once import copy_of_sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.faulty_store import FaultyStore

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
hypothesis.settings.register_profile("project", deadline=None)  # machines are noisy: no test asserts a time
hypothesis.settings.register_profile(  # `make mutation` asks whether a test fails, not for the smallest example
    "mutation",
    deadline=None,
    database=None,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)
hypothesis.settings.load_profile("project")

CLASSES = ("aeroplane", "bottle", "car", "person", "tvmonitor")
NODES_EXCEPT_TRAINERS = (
    "VocExampleGen",
    "CuratedSchema",
    "StatisticsGen",
    "SchemaGen",
    "ExampleValidator",
    "DataValidator",
    "PublishedModel",
    "SegmentationEvaluator",
    "ModelSmokeTest",
    "ModelSelector",
    "Pusher",
)
"""The ids of the pipeline's nodes, except the trainers, of which there is one per candidate."""

TRAIN_IMAGES, VAL_IMAGES, IMAGE_SIZE = 10, 5, 32

LONG_FILES = (
    "test_pipeline.py",
    "test_training.py",
    "test_detector_trainer.py",
    "test_segmentation_evaluator.py",
    "test_model_smoke_test.py",
    "test_networks.py",
    "test_evaluation.py",
    "test_demo_in_browser.py",
    "test_report_in_browser.py",
)
"""The slowest test files: they run first, because a slow file at the end would leave the other core idle."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Disables the garbage collection during imports: the libraries create a million objects, none of them garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()
        collect_garbage_rarely()  # as in `vocseg run`


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {name: index for index, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


@pytest.fixture(scope="session")
def store_server() -> Iterator[FaultyStore]:
    """One server for all tests: s3fs keeps the first address that it has used."""
    from tests.faulty_store import FaultyStore

    server = FaultyStore()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def object_store(store_server: FaultyStore) -> Iterator[FaultyStore]:
    """Lets the tests of a module, and no other tests, use an object store at `s3://`."""
    import boto3

    from tests.faulty_store import BUCKET

    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": store_server.endpoint,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "1",  # s3fs tries again too
            "EPATH_USE_TF": "false",  # commands set it themselves; here it is removed after the tests
        }.items():
            patch.setenv(name, value)
        patch.setattr("etils.epath.gpath._is_tf_installed", lambda: False)  # etils caches the answer
        boto3.client("s3").create_bucket(Bucket=BUCKET.removeprefix("s3://"))  # it may exist already
        yield store_server


@pytest.fixture(scope="session")
def devkit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A devkit that tests only read, never change."""
    return copy_of_sample(tmp_path_factory.mktemp("devkit") / "VOC2012", TRAIN_IMAGES, VAL_IMAGES)


@pytest.fixture
def own_devkit(tmp_path: Path) -> Path:
    """A devkit that a test may change."""
    return copy_of_sample(tmp_path / "VOC2012", train_images=4, val_images=2)


@pytest.fixture(scope="session")
def make_artifact() -> Callable[..., Any]:
    """Creates an artifact of a standard type whose URI is a folder."""

    def make(artifact_type: str, folder: Path, artifact_id: int = 1) -> Any:
        from tfx.types import standard_artifacts

        artifact = getattr(standard_artifacts, artifact_type)()
        artifact.uri, artifact.id = str(folder), artifact_id
        return artifact

    return make


@pytest.fixture(scope="session")
def examples(devkit: Path, tmp_path_factory: pytest.TempPathFactory, make_artifact: Callable[..., Any]) -> Any:
    """The devkit's records as an Examples artifact, written by VocExampleGen's executor."""
    from components.voc_example_gen import executor
    from components.voc_example_gen.component import VocExampleGen
    from tfds_voc_seg.record_config import ConversionConfig, RecordConfig

    component = VocExampleGen(
        str(devkit), RecordConfig(IMAGE_SIZE, CLASSES), conversion_config=ConversionConfig(num_shards=2)
    )
    artifact = make_artifact("Examples", tmp_path_factory.mktemp("examples"))
    executor.Executor().Do({}, {"examples": [artifact]}, component.exec_properties)
    return artifact


@pytest.fixture(scope="session")
def model_of(
    tmp_path_factory: pytest.TempPathFactory, make_artifact: Callable[..., Any]
) -> Callable[[int, tuple[str, ...]], Any]:
    """Creates a Model artifact whose network always predicts the same class, so that its exact metrics are known."""

    def make(
        always: int,
        class_names: tuple[str, ...] = ("background", *CLASSES),
        parameters: int = 100,
        image_size: int = IMAGE_SIZE,
    ) -> Any:
        import numpy as np
        from tfx.utils import path_utils

        from components.saved_model.description import ModelDescription

        model = make_artifact("Model", tmp_path_factory.mktemp("model"), artifact_id=10 + always)
        description = ModelDescription(class_names, image_size, "constant", {}, {}, parameters, 1.5)
        channels = len(class_names)
        kernel, bias = np.zeros((3, channels), np.float32), np.eye(channels, dtype=np.float32)[always]
        export_linear_model(description, kernel, bias, Path(path_utils.serving_model_dir(model.uri)))
        return model

    return make
