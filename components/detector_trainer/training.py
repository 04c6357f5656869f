"""Trains an SSD300 on records with boxes."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
from etils import epath

from components.detector_trainer.default_boxes import default_boxes
from components.detector_trainer.evaluation import VAL_MAP, AveragePrecision
from components.detector_trainer.input_pipeline import training_batches
from components.detector_trainer.losses import MultiboxLoss
from components.detector_trainer.ssd300 import ssd300
from components.networks.layer_weights import LoadReport, load_by_name, read_layer_weights
from components.networks.names import IMAGENET
from components.networks.vgg16 import vgg16_application
from components.training.background import BackgroundWriter
from components.training.callbacks import StateWriter
from components.training.history import History, write_history
from components.training.input_pipeline import count_records, steps_per_epoch
from components.training.optimizers import make_optimizer
from components.training.step_reports import Callbacks, StepReporter
from tfds_voc_seg.records.files import TRAIN_SPLIT, VAL_SPLIT, Records

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from components.detector_trainer.average_precision import Objects
    from components.detector_trainer.detections import Detections
    from components.detector_trainer.detector_config import DetectorConfig
    from components.training.resumption import TrainingFolder
    from components.training.step_reports import StepListener


@dataclasses.dataclass(frozen=True)
class DetectorResult:
    """The result of a training, for the weights of the best epoch.

    Attributes:
        defaults: float32 [boxes, 4], the network's default boxes.
        metrics: metrics on val, see `average_precision.detection_metrics`.
        truth: the true objects of each val image.
        found: the detections in each val image.
        weights: which layers were loaded from the initial weights; `None` without initial weights.
        seconds: duration of the training; after a resumption, without the earlier epochs.
    """

    defaults: NDArray[np.float32]
    metrics: dict[str, Any]
    truth: list[Objects]
    found: list[Detections]
    weights: LoadReport | None
    seconds: float


def train_detector(
    records: Records, config: DetectorConfig, model_run: epath.Path, folder: TrainingFolder, on_step: StepListener
) -> tuple[keras.Model, DetectorResult]:
    """Trains a detector, or resumes the training whose state is in `folder`.

    Args:
        records: records with boxes, with the splits train and val.
        config: settings of the detector and its training.
        model_run: the folder that receives the history as JSON and CSV.
        folder: the folder for the training's state after each epoch.
        on_step: called after each step.

    Returns:
        The network with the weights of the best epoch, and its results on val.

    Raises:
        ValueError: the images are too small or not square, or the initial weights cannot be loaded.
        TrainingError: the loss is not a finite number.
    """
    keras.utils.set_random_seed(config.seed)
    network = ssd300(
        num_classes=len(records.class_names),
        image_size=records.square_side,
        width=config.width,
        batch_normalization=config.batch_normalization,
    )
    report = load_initial_weights(network, config.weights) if config.weights else None
    defaults = default_boxes(records.square_side)
    steps = steps_per_epoch(count_records(records.files[TRAIN_SPLIT]), config.batch_size)
    network.compile(optimizer=make_optimizer(config.optimization, steps), loss=MultiboxLoss())
    network.optimizer.build(network.trainable_variables)
    precision = AveragePrecision(network, records, VAL_SPLIT, defaults, config.batch_size)

    started = time.monotonic()
    state = folder.read()
    history: History = state.history if state else {}
    done = state.epochs if state else 0
    if state:
        folder.resume(network, state)
    if done < config.epochs:
        with BackgroundWriter() as background:
            network.fit(
                training_batches(
                    records.files[TRAIN_SPLIT],
                    records.square_side,
                    defaults,
                    config,
                    skip=done * steps * config.batch_size,
                ),
                steps_per_epoch=steps,
                initial_epoch=done,
                epochs=config.epochs,
                shuffle=False,  # the dataset shuffles itself
                verbose=0,
                callbacks=Callbacks(
                    [precision, StateWriter(folder, model_run, background, VAL_MAP, config.epochs, history)],
                    StepReporter(
                        steps, on_step, settings="detector", normalization="detector.batch_normalization=true"
                    ),
                    network,
                    config.epochs,
                ),
            )
    if config.epochs:
        write_history(history, model_run)
        folder.load_best(network)
    seconds = time.monotonic() - started
    metrics, found = precision.measure()
    return network, DetectorResult(defaults, metrics, precision.truth, found, report, seconds)


def load_initial_weights(network: keras.Model, weights: str) -> LoadReport:
    """Loads weights by layer name.

    Args:
        network: a network from `ssd300`.
        weights: `imagenet`, or the path or URI of an `.h5` file.

    Raises:
        ValueError: the weights cannot be downloaded or do not exist, or none of their layers matches the network.
    """
    if weights == IMAGENET:
        try:
            application = vgg16_application(include_top=False, weights=IMAGENET)
        except Exception as error:  # keras.utils.get_file raises nothing more special for a failed download
            raise ValueError(
                f"VGG-16's ImageNet weights cannot be downloaded ({error}): use a local file, detector.weights=PATH"
            ) from error
        arrays = {layer.name: layer.get_weights() for layer in application.layers if layer.weights}
    else:
        file = epath.Path(weights).expanduser()
        if not file.is_file():
            raise ValueError(
                f"the file {weights!r} does not exist: set detector.weights to `imagenet` or to an .h5 file"
            )
        with tempfile.TemporaryDirectory() as scratch:
            local = Path(scratch) / "weights.h5"
            file.copy(local)
            arrays = read_layer_weights(local)
    report = load_by_name(network, arrays)
    if not report.matched:
        raise ValueError(f"no layer of the weights {weights!r} matches the detector.\n{report}")
    return report
