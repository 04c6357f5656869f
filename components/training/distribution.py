"""The devices that a training runs on."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from components.training.config import TrainingConfig
from components.training.input_pipeline import Share


def make_strategy(config: TrainingConfig) -> tf.distribute.Strategy:
    """Makes the distribution strategy.

    MultiWorkerMirroredStrategy where `TF_CONFIG` names several workers (each then calls this before anything else of
    TensorFlow), MirroredStrategy where this machine has several GPUs, TensorFlow's default strategy otherwise.

    Args:
        config: how to train.

    Raises:
        ValueError: the batch can't be split evenly over the devices.
    """
    strategy = tf.distribute.get_strategy()
    if config.distribute == "auto":
        gpus = tf.config.list_logical_devices("GPU") if tf.config.list_physical_devices("GPU") else []
        if _workers() > 1:
            strategy = _only_one(tf.distribute.MultiWorkerMirroredStrategy)
        elif len(gpus) > 1:
            strategy = _only_one(tf.distribute.MirroredStrategy)
    replicas = strategy.num_replicas_in_sync
    if config.batch_size % replicas:
        raise ValueError(
            f"a batch of {config.batch_size} can't be split over {replicas} devices: set training.batch_size to a "
            f"multiple of {replicas}, or training.distribute to none"
        )
    return strategy


@functools.cache
def _only_one(kind: type[tf.distribute.Strategy]) -> tf.distribute.Strategy:
    """One strategy a process: a second one on the same devices fails with a shape mismatch in its collectives."""
    return kind()


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Tells whether this process is the one whose files count."""
    resolver = strategy.cluster_resolver
    return resolver is None or resolver.task_type in (None, "chief") or _is_first_worker(resolver)


def _is_first_worker(resolver: Any) -> bool:
    return resolver.task_type == "worker" and resolver.task_id == 0 and "chief" not in resolver.cluster_spec().jobs


def distributed(strategy: tf.distribute.Strategy, batches: Any) -> Any:
    """Gives each replica its part of every batch.

    Args:
        strategy: where the training runs.
        batches: makes the batches of a `Share`, as `training_batches` does.

    Returns:
        What Keras' `fit` takes under the strategy.
    """
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return batches(Share())
    return strategy.distribute_datasets_from_function(
        lambda context: batches(Share(context.input_pipeline_id, context.num_input_pipelines, replicas))
    )


def mend_for_workers(network: keras.Model, strategy: tf.distribute.Strategy) -> None:
    """Has Keras' `fit` run under MultiWorkerMirroredStrategy, which Keras 3.15 does not by itself.

    It makes missing variables from a batch that it averages over the workers, and averages each step's figures along
    their first axis: TensorFlow refuses the first for whole numbers and the second for scalars. Here all variables are
    made before, and figures get an axis.

    Args:
        network: compiled, its optimiser built.
        strategy: where the training runs; nothing is changed where it has one worker.
    """
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return
    network._maybe_symbolic_build = lambda **_: None
    for name in ("train_step", "test_step"):
        setattr(network, name, _with_an_axis(getattr(network, name)))


def _with_an_axis(step: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    return lambda data: tf.nest.map_structure(lambda figure: tf.reshape(figure, [1]), step(data))


def _workers() -> int:
    cluster = json.loads(os.environ.get("TF_CONFIG") or "{}").get("cluster", {})
    return sum(len(cluster.get(kind, [])) for kind in ("chief", "worker"))
