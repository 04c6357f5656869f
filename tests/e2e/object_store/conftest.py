"""An object store for tests: moto serves S3 on localhost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tfds_voc_seg.storage import copy_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUCKET = "s3://voc-seg"


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """The address of one server for all tests: s3fs keeps the first address that it has used."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture(scope="module", autouse=True)
def object_store(endpoint: str) -> Iterator[None]:
    """Lets the tests of this folder, and no other tests, use the object store."""
    import boto3

    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "EPATH_USE_TF": "false",  # commands set it themselves; here it is removed after the tests
        }.items():
            patch.setenv(name, value)
        patch.setattr("etils.epath.gpath._is_tf_installed", lambda: False)  # etils caches the answer
        boto3.client("s3").create_bucket(Bucket=BUCKET.removeprefix("s3://"))  # it may exist already
        yield


@pytest.fixture(scope="module")
def remote_devkit(devkit: Path) -> str:
    """The URI of a copy of the sample devkit in the object store."""
    copy_folder(devkit, f"{BUCKET}/VOCdevkit/VOC2012")
    return f"{BUCKET}/VOCdevkit/VOC2012"
