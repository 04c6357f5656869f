"""The scores at every n-th pixel are those of the whole network at these pixels."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from components.networks import create_network
from components.networks.pixel_stride import first_pixel, with_pixel_stride
from tests.components.networks.tiny_network import TINY


@pytest.mark.parametrize(
    ("network", "options", "stride"),
    [
        ("fcn8", {"backbone": "mobilenet", "alpha": 0.25}, 4),
        ("fcn8", {"width": 0.0625, "fully_connected_channels": 4}, 8),
        ("deeplab_v3_plus", {"backbone": "mobilenet", "alpha": 0.25, "channels": 4}, 2),
    ],
    ids=str,
)
@pytest.mark.parametrize("size", [64, 44])  # 44 is padded to 64, and the scores are cropped
def test_scores_are_those_of_the_network_at_these_pixels(
    network: str, options: dict[str, Any], stride: int, size: int
) -> None:
    whole = create_network(network, image_size=size, num_classes=2, **options)
    for variable in whole.trainable_variables:  # scores are initialised with 0, which proves nothing
        variable.assign(variable + keras.random.normal(variable.shape, stddev=0.1, seed=1))
    images = np.random.default_rng(0).uniform(0, 255, (1, size, size, 3)).astype(np.float32)
    kept = slice(first_pixel(stride), None, stride)
    expected = whole(images)[:, kept, kept]
    thinned = with_pixel_stride(whole, stride)
    assert thinned.output_shape == (None, *expected.shape[1:])
    np.testing.assert_allclose(thinned(images), expected, atol=1e-4)


def test_a_stride_that_does_not_fit_is_rejected() -> None:
    tiny = create_network(TINY, image_size=32, num_classes=2)
    assert with_pixel_stride(tiny, 1) is tiny
    with pytest.raises(ValueError, match="does not upsample its scores"):
        with_pixel_stride(tiny, 4)
    fcn8 = create_network("fcn8", image_size=32, num_classes=2, backbone="mobilenet", alpha=0.25)
    with pytest.raises(ValueError, match=r"pixel_stride is 3, but must divide 8"):
        with_pixel_stride(fcn8, 3)
