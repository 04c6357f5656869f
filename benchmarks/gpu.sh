#!/bin/bash
# What a GPU gives: train steps compared with bare Keras, then DeepLabv3+ and FCN-8 on six animals.
#
#     make env && benchmarks/gpu.sh VOCdevkit/VOC2012 [OUTPUT [PART ...]]
#
# The parts are doctor, rates, deeplab and fcn8; all of them in this order, if none is named. A start ends within 8
# minutes, which do not suffice for all parts: name the others in the next start. A training that was interrupted
# resumes then, and both trainings use the same records. A row of the rates is printed as soon as it is measured, with
# its target; after each training, its time and its mean IoU are compared with their targets. The exit status is 1 if a
# command failed, ran out of time, or a training missed a target.
# Needs an NVIDIA GPU of its own with 24 GB or more, and 8 processors. The trainings are sized for 3,161 train images;
# FCN-8 starts from VGG-16's ImageNet weights, which are downloaded (59 MB); without a network name their file:
# VGG16_WEIGHTS=vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5 benchmarks/gpu.sh …
# Has not been run as a whole: no GPU was available when it was written.
set -u
devkit=$(realpath --canonicalize-existing "${1:?name a devkit: the folder that holds JPEGImages}") || exit 2
output=$(realpath --canonicalize-missing "${2:-runs/gpu}")
parts=("${@:3}")
[ ${#parts[@]} -gt 0 ] || parts=(doctor rates deeplab fcn8)
cd "$(dirname "$0")/.." || exit 2
export PATH="$PWD/.venv/bin:$PATH"
limit=${GPU_SECONDS:-480} # for all parts together
kill_after=$((limit / 32 + 1)) # seconds after the interrupt: XLA's compilation does not notice the interrupt
ends=$((SECONDS + limit - kill_after))
status=0

run() {
    local left=$((ends - SECONDS))
    if [ "$left" -lt 1 ]; then
        echo "no time left for: $*"
        status=1
        return 1
    fi
    echo "== $* ($left s left)"
    timeout --signal=INT --kill-after="$kill_after" "$left" "$@" || { echo "ended with status $?: $*"; status=1; return 1; }
}

train() { # NAME LOWEST_MEAN_IOU SETTING...
    run vocseg run --preset gpu_animals --devkit "$devkit" --output "$output" "${@:3}" &&
        run python -m benchmarks.gpu_iou "$output" "$1" "$2"
}

for part in "${parts[@]}"; do
    case $part in
    doctor) run vocseg doctor ;;
    rates) run python -m benchmarks.gpu_rates "$devkit" ;;
    deeplab) train deeplab 0.75 --set training.epochs=8 ;;
    fcn8)
        train fcn8 0.65 --set training.epochs=15 --set training.learning_rate=0.00015 \
            --set training.backbone_learning_rate_factor=1 --set training.ema_momentum=0.995 \
            --set "candidates={fcn8: {network: fcn8, options: {backbone: vgg16, \
weights: '${VGG16_WEIGHTS:-imagenet}', fully_connected_channels: 1024, image_pooling: true}}}"
        ;;
    *)
        echo "unknown part: $part; the parts are doctor, rates, deeplab and fcn8" >&2
        status=2
        ;;
    esac
done
exit "$status"
