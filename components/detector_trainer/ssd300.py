"""SSD300, the detector of Liu et al., with this project's VGG-16 as the backbone.

Source: Liu, Anguelov, Erhan, Szegedy, Reed, Fu, Berg, "SSD: Single Shot MultiBox Detector", ECCV 2016
(arXiv:1512.02325), sections 2.1 and 3 and figure 2. Details that the paper does not mention (padding, names of layers,
no dropout) follow its authors' Caffe code: github.com/weiliu89/caffe, branch ssd, examples/ssd/ssd_pascal.py. VGG-16's
layers have the names of keras.applications, all other layers those of the Caffe code, so that weights load by name.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import keras

from components.detector_trainer.detector_config import SMALLEST_SIZE
from components.networks.vgg16 import BLOCKS, convolution_and_relu, scaled_channels, vgg16_block, vgg16_input

IMAGE_SIZE = 300
"""The paper's input size in pixels; smaller inputs have fewer extra layers."""

BOX_VALUES = 4
"""Number of values per box: offsets of centre x, centre y, width and height, see `default_boxes.encode`."""


@dataclasses.dataclass(frozen=True)
class Source:
    """A layer from whose features the network predicts boxes.

    Attributes:
        layer: the name of the layer.
        aspect_ratios: width / height of its default boxes, in addition to 1; the inverse of each ratio is used too.
    """

    layer: str
    aspect_ratios: tuple[int, ...]

    @property
    def boxes(self) -> int:
        """Default boxes per cell: two squares, and two boxes for each aspect ratio."""
        return 2 + 2 * len(self.aspect_ratios)


SOURCES = (
    Source("conv4_3_norm", (2,)),
    Source("fc7", (2, 3)),
    Source("conv6_2", (2, 3)),
    Source("conv7_2", (2, 3)),
    Source("conv8_2", (2,)),
    Source("conv9_2", (2,)),
)
"""From fine to coarse. The finest source and the two coarsest do not use the ratio 3 (section 3)."""

_EXTRA_LAYERS = (("conv6", 256, 512, 2), ("conv7", 128, 256, 2), ("conv8", 128, 256, 1), ("conv9", 128, 256, 1))
"""Name, channels of the 1×1 convolution, channels and stride of the following 3×3 convolution."""


def source_grids(image_size: int) -> tuple[int, ...]:
    """Returns the number of cells per side of each source: 38, 19, 10, 5, 3 and 1 for 300 pixels.

    Small inputs have fewer sources.

    Args:
        image_size: height and width of the input in pixels.

    Raises:
        ValueError: the input is smaller than `SMALLEST_SIZE`.
    """
    if image_size < SMALLEST_SIZE:
        raise ValueError(f"SSD requires images of {SMALLEST_SIZE} pixels or more, not {image_size}")
    grids = [math.ceil(image_size / 8), math.ceil(image_size / 16)]
    for _, _, _, stride in _EXTRA_LAYERS:
        grids.append(math.ceil(grids[-1] / 2) if stride == 2 else grids[-1] - 2)
    return tuple(grid for grid in grids if grid >= 1)


@keras.saving.register_keras_serializable("vocseg")
class L2Normalization(keras.layers.Layer):
    """Normalises each feature vector to a norm of 1 and multiplies it by one learned factor per channel, initially 20.

    Source: Liu, Rabinovich, Berg, "ParseNet", arXiv:1506.04579, section 3.3.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:  # noqa: D102
        self.scale = self.add_weight(
            name="scale", shape=(input_shape[-1],), initializer=keras.initializers.Constant(20.0)
        )

    def call(self, inputs: Any) -> Any:  # noqa: D102
        return keras.ops.normalize(inputs, axis=-1, order=2) * self.scale


def ssd300(
    *, num_classes: int, image_size: int = IMAGE_SIZE, width: float = 1.0, batch_normalization: bool = False
) -> keras.Model:
    """Creates an SSD.

    Args:
        num_classes: number of classes including background: 21 for VOC.
        image_size: height and width of the input in pixels.
        width: factor for the channels of all convolutions except the predictors.
        batch_normalization: add batch normalization after each convolution; required to train from scratch in few
            steps.

    Returns:
        A network from float32 [batch, image_size, image_size, 3], RGB 0 to 255, to float32
        [batch, boxes, 4 + num_classes]: `BOX_VALUES` offsets and the linear class scores of each default box, in the
        order of `default_boxes.default_boxes` (8,732 boxes at 300 pixels). Its attribute `backbone_blocks` lists the
        names of VGG-16's layers per block.

    Raises:
        ValueError: the input is smaller than `SMALLEST_SIZE`.

    Example:
        >>> network = ssd300(num_classes=21)
    """
    grids = source_grids(image_size)
    images = keras.Input((image_size, image_size, 3), name="image")

    # VGG-16; pooling rounds odd sizes up. The fifth pool has a stride of 1, for which fc6's dilation compensates.
    outputs = vgg16_input(images, batch_normalization)
    features = {}
    for block in range(1, len(BLOCKS) + 1):
        outputs = vgg16_block(outputs, block, width=width, batch_normalization=batch_normalization)
        if block == 4:
            features["conv4_3_norm"] = L2Normalization(name="conv4_3_norm")(outputs)
        size, stride = (2, 2) if block < len(BLOCKS) else (3, 1)
        outputs = keras.layers.MaxPooling2D(size, stride, padding="same", name=f"block{block}_pool")(outputs)
    channels = scaled_channels(1024, width)
    outputs = convolution_and_relu(outputs, channels, 3, "fc6", batch_normalization, dilation_rate=6)
    outputs = features["fc7"] = convolution_and_relu(outputs, channels, 1, "fc7", batch_normalization)

    # Extra layers, each coarser than the one before.
    for name, squeezed, channels, stride in _EXTRA_LAYERS[: len(grids) - 2]:
        outputs = convolution_and_relu(outputs, scaled_channels(squeezed, width), 1, f"{name}_1", batch_normalization)
        if stride == 2:  # Caffe pads both sides; with even sizes, padding="same" would pad only one
            outputs = keras.layers.ZeroPadding2D(1, name=f"{name}_2_pad")(outputs)
        outputs = features[f"{name}_2"] = convolution_and_relu(
            outputs,
            scaled_channels(channels, width),
            3,
            f"{name}_2",
            batch_normalization,
            strides=stride,
            padding="valid",
        )

    # Offsets and class scores of all default boxes.
    sources = SOURCES[: len(grids)]
    offsets = [_predictor(features[source.layer], source, BOX_VALUES, "loc") for source in sources]
    scores = [_predictor(features[source.layer], source, num_classes, "conf") for source in sources]
    joined = [keras.layers.Concatenate(axis=1, dtype="float32")(parts) for parts in (offsets, scores)]
    network = keras.Model(images, keras.layers.Concatenate(axis=-1, dtype="float32", name="mbox")(joined), name="ssd")
    network.backbone_blocks = _blocks(network)
    return network


def _predictor(features: Any, source: Source, values: int, kind: str) -> Any:
    name = f"{source.layer}_mbox_{kind}"
    outputs = keras.layers.Conv2D(source.boxes * values, 3, padding="same", dtype="float32", name=name)(features)
    return keras.layers.Reshape((-1, values), dtype="float32", name=f"{name}_boxes")(outputs)


def _blocks(network: keras.Model) -> tuple[tuple[str, ...], ...]:
    names = [layer.name for layer in network.layers if layer.weights]
    return tuple(
        tuple(name for name in names if name.startswith(f"block{block}_")) for block in range(1, len(BLOCKS) + 1)
    )
