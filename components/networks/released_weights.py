"""Weights of a release: a folder or URI that `vocseg run --publish-weights` has filled."""

from __future__ import annotations

import contextlib
import http.client
import re
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import keras
from etils import epath

from components.networks.layer_weights import LoadReport, load_by_name, read_layer_weights
from components.run_files import CHECKSUMS_FILE, LAYER_WEIGHTS_FILE
from tfds_voc_seg.storage import file_sha256

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_WEB = ("http://", "https://")
_LARGEST_LIST = 1 << 16
"""Bytes of the list of checksums; that of a release has less than 1 kB."""
_TIMEOUT_SECONDS = 30.0


def is_release(weights: str) -> bool:
    """Returns whether weights are those of a release: every web address, and folders that have a list of checksums."""
    if weights.startswith(_WEB):
        return True
    try:
        return bool((epath.Path(weights).expanduser() / CHECKSUMS_FILE).is_file())
    except (KeyError, OSError):  # no storage of this kind; no name of a file
        return False


def load_released_weights(network: keras.Model, weights: str, required: Collection[str]) -> LoadReport:
    """Loads the layers of a release that have the same name and shape as layers of a network.

    Args:
        network: the network that receives the weights.
        weights: the release's folder or URI: local, `gs://`, `s3://`, `http://` or `https://`.
        required: names of the layers that must get weights; other layers, such as the scores of other classes, keep
            their own if the release has none that fit.

    Raises:
        ValueError: the release cannot be read, is damaged, or lacks a required layer.
    """
    with _local_file(weights) as file:
        report = load_by_name(network, read_layer_weights(file))
    wrong = [name for name in required if name not in report.matched and network.get_layer(name).weights]
    if wrong:
        reason = report.other_shape.get(wrong[0], "the release does not contain it")
        raise ValueError(
            f"the weights {weights!r} do not fit: {len(wrong)} of {len(required)} layers differ, {wrong[0]} first "
            f"({reason}); use the network and options in the release's preset"
        )
    return report


@contextlib.contextmanager
def _local_file(weights: str) -> Iterator[Path]:
    """Provides the file with the weights on this machine, after a comparison with the release's checksum."""
    expected = release_checksum(weights)
    if weights.startswith(_WEB):
        yield _download(weights, expected)
        return
    file = epath.Path(weights).expanduser() / LAYER_WEIGHTS_FILE
    with tempfile.TemporaryDirectory() as scratch:
        try:
            local = Path(file if "://" not in weights else file.copy(Path(scratch) / LAYER_WEIGHTS_FILE))
            found = file_sha256(local)
        except OSError as error:
            raise ValueError(f"the weights {file} cannot be read ({error}): download the release again") from error
        if found != expected:
            raise ValueError(f"the weights {file} are damaged: their SHA-256 is {found}, not {expected}")
        yield local


def release_checksum(weights: str) -> str:
    """Reads the SHA-256 of the file with the weights from the release's list.

    Raises:
        ValueError: the list cannot be read, or does not name the file.
    """
    place = f"{weights.rstrip('/')}/{CHECKSUMS_FILE}"
    try:
        if weights.startswith(_WEB):
            with urllib.request.urlopen(place, timeout=_TIMEOUT_SECONDS) as answer:
                text = answer.read(_LARGEST_LIST).decode()
        else:
            text = epath.Path(place).expanduser().read_text()
    except (OSError, ValueError, urllib.error.URLError, http.client.HTTPException) as error:
        raise ValueError(
            f"{place} cannot be read ({error}): name a folder or URI that `vocseg run --publish-weights` has filled"
        ) from error
    found = re.search(rf"^([0-9a-f]{{64}})  {re.escape(LAYER_WEIGHTS_FILE)}$", text, flags=re.MULTILINE)
    if found is None:
        raise ValueError(f"{place} does not list {LAYER_WEIGHTS_FILE}: it is not a release of this project")
    return found[1]


def _download(weights: str, checksum: str) -> Path:
    """Downloads the file with the weights to the cache of Keras, unless the cache holds it already."""
    origin = f"{weights.rstrip('/')}/{LAYER_WEIGHTS_FILE}"
    try:
        return Path(
            keras.utils.get_file(
                f"{checksum}.h5", origin, file_hash=checksum, hash_algorithm="sha256", cache_subdir="vocseg"
            )
        )
    except Exception as error:  # Keras raises nothing more special for a failed download
        raise ValueError(f"the weights {origin} cannot be downloaded: {error}") from error
