"""An object store: S3, served on localhost by moto."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tfds_voc_seg.storage import copy_folder

BUCKET = "s3://voc-seg"


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """One server for all tests, since s3fs keeps the address that it has seen first."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture(scope="module", autouse=True)
def object_store(endpoint: str) -> Iterator[None]:
    """The tests of this folder alone see the store."""
    import boto3

    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "EPATH_USE_TF": "false",  # what runs say themselves; here it goes again with the store
        }.items():
            patch.setenv(name, value)
        patch.setattr("etils.epath.gpath._is_tf_installed", lambda: False)  # it may have looked before
        boto3.client("s3").create_bucket(Bucket=BUCKET.removeprefix("s3://"))  # which may be there
        yield


@pytest.fixture(scope="module")
def remote_devkit(devkit: Path, object_store: None) -> str:
    """The drawn devkit in the store."""
    copy_folder(devkit, f"{BUCKET}/VOCdevkit/VOC2012")
    return f"{BUCKET}/VOCdevkit/VOC2012"
