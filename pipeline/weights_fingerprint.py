"""Hashes the content of pretrained weights, for TFX's cache key, which covers only their name."""

from __future__ import annotations

from etils import epath

from components.networks.names import IMAGENET
from tfds_voc_seg.storage import file_sha256, use_fsspec_for_s3


def weights_fingerprint(weights: object) -> str:
    """Returns a suffix for a fingerprint with the hash of a file of weights, or of the weights of a release.

    Args:
        weights: the value of the option `weights`, see `components.networks.pretrained.attach_backbone`.

    Returns:
        `+` and a SHA-256 hex digest; an empty text for `None`, for `imagenet`, and for weights that this machine cannot
        read, because those of a pipeline for a cluster can be there alone.
    """
    if weights is None or weights == IMAGENET:
        return ""
    from components.networks.released_weights import is_release, release_checksum  # here: it imports Keras

    place = str(weights)
    use_fsspec_for_s3(place)
    try:
        if is_release(place):
            return f"+{release_checksum(place)}"
        file = epath.Path(place).expanduser()
        return f"+{file_sha256(file)}" if file.is_file() else ""
    except (ValueError, OSError, KeyError):  # KeyError: no storage of this kind
        return ""
