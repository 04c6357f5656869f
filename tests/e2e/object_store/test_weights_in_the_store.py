"""Pretrained weights in an object store: a file, and a release."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from etils import epath

from components.networks import create_network
from components.networks.layer_weights import write_layer_weights
from components.run_files import CHECKSUMS_FILE, LAYER_WEIGHTS_FILE
from pipeline.weights_fingerprint import weights_fingerprint
from tests.faulty_store import BUCKET
from tfds_voc_seg.storage import file_sha256

if TYPE_CHECKING:
    from pathlib import Path


def test_a_network_starts_from_a_release_in_the_store(tmp_path: Path) -> None:
    network = create_network("unet", image_size=16, num_classes=2, width=2, depth=1)
    write_layer_weights(network, tmp_path / LAYER_WEIGHTS_FILE)
    digest, release = file_sha256(tmp_path / LAYER_WEIGHTS_FILE), epath.Path(f"{BUCKET}/release")
    (release / LAYER_WEIGHTS_FILE).write_bytes((tmp_path / LAYER_WEIGHTS_FILE).read_bytes())
    (release / CHECKSUMS_FILE).write_text(f"{digest}  {LAYER_WEIGHTS_FILE}\n")
    other = create_network("unet", image_size=16, num_classes=2, width=2, depth=1, weights=str(release))
    for mine, theirs in zip(network.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert weights_fingerprint(release) == weights_fingerprint(release / LAYER_WEIGHTS_FILE) == f"+{digest}"
    (release / LAYER_WEIGHTS_FILE).write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"s3://voc-seg/release/layers.weights.h5 are damaged: their SHA-256 is"):
        create_network("unet", image_size=16, num_classes=2, width=2, depth=1, weights=str(release))
