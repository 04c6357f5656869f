#!/bin/bash
# Builds the image without Docker and runs the pipeline in it. Tests the Dockerfile on a machine without a Docker engine
# and without an image registry. Needs root, `apt-get install buildah debootstrap`, 15 GB of disk and network access.
#
#   kubeflow/prove_image.sh [cpu|gpu] [SCRATCH]
#
# The base is Debian 12 with its Python 3.11, created by debootstrap, instead of python:3.11-slim-bookworm: the same
# system, but with Debian's Python. buildah builds the same Dockerfile; its containers are plain chroots.
# NOT tested: the official base image, pushing to a registry, the isolation of a container engine, a GPU.
# KEEP=1 keeps the images in buildah's store and the base in SCRATCH, which makes a second build faster.

set -euo pipefail
TARGET=${1:-cpu}
SCRATCH=$(realpath -m "${2:-/var/tmp/voc-seg-image}")
PROJECT=$(cd "$(dirname "$0")/.." && pwd)
IMAGE=localhost/voc-seg-proof:$TARGET
BASE=localhost/voc-seg-proof-base
export BUILDAH_ISOLATION=chroot

remove() {
    [ -n "${CONTAINER:-}" ] && buildah rm "$CONTAINER" >/dev/null
    [ -n "${KEEP:-}" ] && return
    buildah rmi --force "$IMAGE" "$BASE" >/dev/null 2>&1 || true
    buildah rmi --prune --force >/dev/null 2>&1 || true
    rm -rf "$SCRATCH"
}
trap remove EXIT
mkdir -p "$SCRATCH"

echo "== base: Debian 12 by debootstrap"
if [ ! -f "$SCRATCH/base/.made" ]; then
    rm -rf "$SCRATCH/base"
    debootstrap --variant=minbase --include=python3,python3-dev,python3-venv,python-is-python3,ca-certificates \
        bookworm "$SCRATCH/base" http://deb.debian.org/debian >"$SCRATCH/debootstrap.log" \
        || { tail -5 "$SCRATCH/debootstrap.log"; exit 1; }
    rm -rf "$SCRATCH/base"/var/cache/apt/archives/*.deb "$SCRATCH/base"/var/lib/apt/lists/*
    # Behind a proxy that signs certificates itself, this machine's certificates must be trusted in the image, too.
    cp /etc/ssl/certs/ca-certificates.crt "$SCRATCH/base/etc/ssl/certs/ca-certificates.crt"
    touch "$SCRATCH/base/.made"
fi
if ! buildah inspect --type image "$BASE" >/dev/null 2>&1; then
    CONTAINER=$(buildah from scratch)
    buildah add --quiet "$CONTAINER" "$SCRATCH/base" / >/dev/null
    buildah commit --quiet "$CONTAINER" "$BASE" >/dev/null
    buildah rm "$CONTAINER" >/dev/null
    CONTAINER=
fi
DIGEST=$(buildah inspect --type image --format '{{.FromImageDigest}}' "$BASE")
echo "base $BASE@$DIGEST"

echo "== build: kubeflow/Dockerfile --target $TARGET"
SECONDS=0
buildah bud --layers --file "$PROJECT/kubeflow/Dockerfile" --ignorefile "$PROJECT/kubeflow/Dockerfile.dockerignore" \
    --target "$TARGET" --tag "$IMAGE" --pull-never \
    --build-arg BASE_IMAGE="$BASE" --build-arg BASE_DIGEST="$DIGEST" "$PROJECT"
echo "built in $SECONDS s"
buildah images --format '{{.Name}}:{{.Tag}}  {{.Size}}' "$IMAGE"

echo "== content of the image, as its user"
CONTAINER=$(buildah from --pull-never "$IMAGE")
within() { buildah run --user 10001 "$CONTAINER" -- "$@"; }
within python -c '
import os, sys
assert os.getuid() == 10001 and os.environ["TF_USE_LEGACY_KERAS"] == "0", (os.getuid(), os.environ)
import tfx.v1, keras, kfp, tensorflow as tf
assert keras.__version__.startswith("3.") and tf.keras.__version__ == keras.__version__
assert not os.access("/opt/venv/lib", os.W_OK)
import pipeline.kubeflow.node.run  # the module that the containers run
assert pipeline.__file__.startswith("/opt/venv/"), pipeline.__file__
print("Python", sys.version.split()[0], "TensorFlow", tf.__version__, "Keras", keras.__version__, "KFP", kfp.__version__)
' 2>/dev/null
within vocseg --help >/dev/null
within python -m pipeline.kubeflow.entrypoint --help >/dev/null
within sh -c 'du -sm /opt/venv; du -sm /opt/venv/lib/python3.11/site-packages/* | sort -rn | head -8; command -v uv pip || true'

echo "== the whole pipeline in the image, on a small sample"
SECONDS=0
within vocseg run --output /tmp/run --set sample.train_images=16 --set sample.val_images=6 --set training.epochs=1 \
    --set selection.publish_background_only=true --set smoke_test.timeout_seconds=1200 | tail -15
echo "ran in $SECONDS s"
echo "== tested: the Dockerfile builds, and the pipeline runs in the image as user 10001"
