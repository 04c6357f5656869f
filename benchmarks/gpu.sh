#!/bin/bash
# What a GPU gives, within 8 minutes: train steps compared with bare Keras, then DeepLabv3+ and FCN-8 on six animals.
#
#     make env && benchmarks/gpu.sh VOCdevkit/VOC2012 [OUTPUT]
#
# Needs an NVIDIA GPU of its own with 24 GB or more, and 8 processors. FCN-8 starts from VGG-16's ImageNet weights, which
# are downloaded (528 MB); without a network name their file: VGG16_WEIGHTS=vgg16_….h5 benchmarks/gpu.sh …
# Has not been run as a whole: no GPU was available when it was written.
set -eu
devkit=$(realpath "${1:?name a devkit: the folder that holds JPEGImages}")
output=$(realpath --canonicalize-missing "${2:-runs/gpu}")
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
ends=$((SECONDS + 480))

# Runs a part in the time that is left; a training that is interrupted resumes when the script is started again.
part() {
    local left=$((ends - SECONDS))
    if [ "$left" -lt 20 ]; then
        echo "no time left for: $*"
        return
    fi
    echo "== $* ($left s left)"
    timeout --signal=INT "$left" "$@" || echo "ended with status $?: $*"
}

part vocseg doctor
part python -m benchmarks.gpu_rates "$devkit"
part vocseg run --preset gpu_animals --devkit "$devkit" --output "$output/deeplab" --set training.epochs=8
part vocseg run --preset gpu_animals --devkit "$devkit" --output "$output/fcn8" --set training.epochs=15 \
    --set training.learning_rate=0.00015 --set training.backbone_learning_rate_factor=1 \
    --set training.ema_momentum=0.995 --set "candidates={fcn8: {network: fcn8, options: {backbone: vgg16, \
weights: '${VGG16_WEIGHTS:-imagenet}', fully_connected_channels: 1024, image_pooling: true}}}"
