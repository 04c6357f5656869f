"""The devices that a training runs on: one, several GPUs of one machine, or several workers."""

from __future__ import annotations

import functools
import json
import os
from typing import TYPE_CHECKING, Any

import tensorflow as tf

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras

    from components.training.config import TrainingConfig


def make_strategy(config: TrainingConfig) -> tf.distribute.Strategy:
    """Makes the distribution strategy.

    It is MultiWorkerMirroredStrategy if `TF_CONFIG` names several workers (each worker must then call this before
    anything else of TensorFlow), MirroredStrategy if this machine has several GPUs, and otherwise TensorFlow's default
    strategy.

    Args:
        config: how to train.

    Raises:
        ValueError: the batch cannot be split evenly over the devices, or they cannot be used with XLA.
    """
    strategy = tf.distribute.get_strategy()
    if config.distribute == "auto":
        gpus = tf.config.list_logical_devices("GPU") if tf.config.list_physical_devices("GPU") else []
        if _workers() > 1:
            strategy = _single_instance(tf.distribute.MultiWorkerMirroredStrategy)
        elif len(gpus) > 1:
            strategy = _single_instance(tf.distribute.MirroredStrategy)
    replicas = strategy.num_replicas_in_sync
    if config.batch_size % replicas:
        raise ValueError(
            f"a batch of {config.batch_size} cannot be split over {replicas} devices: set training.batch_size to a "
            f"multiple of {replicas}, or training.distribute to none"
        )
    if config.cached_images and replicas > 1:
        raise ValueError(
            f"training.cached_images does not work on {replicas} devices: set it to null, or training.distribute to "
            "none"
        )
    if config.xla and isinstance(strategy, tf.distribute.MirroredStrategy):
        raise ValueError(  # XLA rejects variables on another device
            f"training.xla does not work on {replicas} devices: set it to null, or training.distribute to none"
        )
    return strategy


@functools.cache
def _single_instance(kind: type[tf.distribute.Strategy]) -> tf.distribute.Strategy:
    """Creates a strategy once per process; a second one on the same devices fails with a shape mismatch."""
    return kind()


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Tells whether this process writes the results; the files of the other workers are discarded."""
    resolver = strategy.cluster_resolver
    return resolver is None or resolver.task_type in (None, "chief") or _is_first_worker(resolver)


def _is_first_worker(resolver: Any) -> bool:
    return resolver.task_type == "worker" and resolver.task_id == 0 and "chief" not in resolver.cluster_spec().jobs


def distribute_batches(
    strategy: tf.distribute.Strategy, make_batches: Callable[[tf.distribute.InputContext], tf.data.Dataset]
) -> Any:
    """Distributes batches over the replicas of a strategy.

    Args:
        strategy: where the training runs.
        make_batches: makes one worker's dataset, as `training_batches` does.

    Returns:
        A dataset that Keras' `fit` accepts under the strategy.
    """
    if strategy.num_replicas_in_sync == 1:
        return make_batches(tf.distribute.InputContext())
    return strategy.distribute_datasets_from_function(make_batches)


def patch_distributed_fit(network: keras.Model, strategy: tf.distribute.Strategy) -> None:
    """Makes Keras' `fit` work on distributed batches, which Keras 3.15 does not fully support.

    Keras takes one batch from the training data to create missing variables. The training would lose this batch, and
    fail in its last step because the data end too early. Under MultiWorkerMirroredStrategy, Keras would also average
    this batch over the workers and the metrics of each step along their first axis; TensorFlow rejects the former for
    integers and the latter for scalars. So the network must have all its variables already, and with several workers
    the metrics of each step get an axis here.

    Args:
        network: compiled, its optimiser built.
        strategy: where the training runs; with one replica nothing is changed.
    """
    if strategy.num_replicas_in_sync == 1:
        return
    network._maybe_symbolic_build = lambda **_: None  # noqa: SLF001 (Keras has no public switch)
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        for name in ("train_step", "test_step"):
            setattr(network, name, _with_metrics_axis(getattr(network, name)))


def _with_metrics_axis(step: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    return lambda data: tf.nest.map_structure(lambda metric: tf.reshape(metric, [1]), step(data))


def _workers() -> int:
    """Counts the workers that `TF_CONFIG` names."""
    cluster = json.loads(os.environ.get("TF_CONFIG") or "{}").get("cluster", {})
    return sum(len(cluster.get(kind, [])) for kind in ("chief", "worker"))
