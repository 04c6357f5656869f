"""The configuration of a run as typed classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import pydantic

from components.data_validator.validation_config import ValidationConfig
from components.detector_trainer.detector_config import SMALLEST_SIZE, DetectorConfig
from components.model_selector.selection_config import SelectionConfig
from components.model_smoke_test.smoke_test_config import SmokeTestConfig
from components.networks.names import CONTRACT_ARGUMENTS, network_path
from components.run_files import ARTIFACTS_FOLDER, METADATA_FILE, SERVING_FOLDER, TRAINING_FOLDER
from components.strict_config import StrictConfig
from components.target_exporter.targets_config import TargetsConfig
from components.targets.names import SAVED_MODEL_TARGET, TargetName
from components.training.config import TrainingConfig
from pipeline.config.data import DataConfig, SampleConfig
from pipeline.config.kubeflow import KubeflowConfig
from pipeline.config.tracking import TrackingConfig
from tfds_voc_seg.storage import local_path

if TYPE_CHECKING:
    from pathlib import Path

LOCAL_BEAM_ARGS = ("--runner=DirectRunner", "--allow_unsafe_triggers", "--sdk_container_image=unused")
"""Beam runs in this process: it starts fast, downloads no runner, and does not build a package of TFX."""


def _known_network(name: str) -> str:
    network_path(name)  # raises ValueError for an unknown name
    return name


class CandidateConfig(StrictConfig):
    """A network to train and compare.

    Attributes:
        network: the name of a known network, or a custom network as `module:function`.
        options: the network's own options.
        transfer: whether the backbone starts with the weights of the detector's VGG-16.
        training: the settings of the training: the run's `training`, overridden by the candidate's own.
    """

    network: Annotated[str, pydantic.AfterValidator(_known_network)]
    options: dict[str, Any] = pydantic.Field(default_factory=dict)
    transfer: bool = False
    training: TrainingConfig = TrainingConfig()

    @pydantic.field_validator("options")
    @classmethod
    def _no_contract_arguments(cls, options: dict[str, Any]) -> dict[str, Any]:
        taken = [name for name in options if name in CONTRACT_ARGUMENTS]
        if taken:
            raise ValueError(f"{taken[0]} follows from the data settings; remove it")
        return options


class PublishingConfig(StrictConfig):
    """The publishing of models.

    Attributes:
        keep_versions: how many of the newest versions are kept; `null` keeps all. The version in service is always
            kept. With 1, no rollback is possible.
        targets: the formats of a published model: always `saved_model`, and any of `litert`, `litert_float16`,
            `litert_int8` and `onnx`.
        max_target_loss: a target whose mean IoU is more than this below that of the SavedModel is not published; the
            others are.
    """

    keep_versions: int | None = pydantic.Field(default=5, ge=1)
    targets: tuple[Literal["saved_model", TargetName], ...] = (SAVED_MODEL_TARGET,)
    max_target_loss: float = pydantic.Field(default=0.01, ge=0, le=1)

    @pydantic.field_validator("targets")
    @classmethod
    def _saved_model_and_others(cls, targets: tuple[str, ...]) -> tuple[str, ...]:
        if SAVED_MODEL_TARGET not in targets:
            raise ValueError(f"{SAVED_MODEL_TARGET} is missing: the other targets are made from it; add it")
        if twice := next((target for target in targets if targets.count(target) > 1), None):
            raise ValueError(f"{twice} occurs twice; remove one")
        return targets

    @property
    def exports(self) -> TargetsConfig | None:
        """The targets beside the SavedModel; `None` if there are none."""
        others = tuple(target for target in self.targets if target != SAVED_MODEL_TARGET)
        return TargetsConfig(targets=others, max_target_loss=self.max_target_loss) if others else None


class BeamConfig(StrictConfig):
    """The Beam jobs.

    Attributes:
        args: Beam's pipeline options.
    """

    args: list[str] = pydantic.Field(default_factory=lambda: list(LOCAL_BEAM_ARGS))

    @pydantic.field_validator("args")
    @classmethod
    def _no_threads(cls, args: list[str]) -> list[str]:
        if any("multi_threading" in arg for arg in args):
            raise ValueError("multi_threading loses records; use --direct_running_mode=multi_processing")
        return args


class RunConfig(StrictConfig):
    """A run of the pipeline.

    Attributes:
        name: lower-case letters, digits and underscores; the name of the pipeline and of the default output folder.
        output: the output folder; `runs/<name>` by default.
        data: the data and its records.
        sample: the embedded sample.
        validation: the validation of the data.
        training: the settings that all candidates share.
        detector: an SSD300 that is trained first, for the candidates with `transfer: true`. It needs `data.boxes`.
            There is no detector by default.
        candidates: name → network to train and compare.
        smoke_test: the test that the SavedModel of a candidate must pass before it can be published.
        selection: the conditions under which a candidate is published.
        publishing: the publishing of models.
        beam: the Beam jobs.
        kubeflow: what a cluster gives each node; a local run ignores it.
        tracking: where a finished run is logged.
    """

    name: Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
    output: str = ""
    data: DataConfig
    sample: SampleConfig = SampleConfig()
    validation: ValidationConfig = ValidationConfig()
    training: TrainingConfig = TrainingConfig()
    detector: DetectorConfig | None = None
    candidates: dict[Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")], CandidateConfig]
    smoke_test: SmokeTestConfig = SmokeTestConfig()
    selection: SelectionConfig = SelectionConfig()
    publishing: PublishingConfig = PublishingConfig()
    beam: BeamConfig = BeamConfig()
    kubeflow: KubeflowConfig = KubeflowConfig()
    tracking: TrackingConfig = TrackingConfig()

    @pydantic.model_validator(mode="before")
    @classmethod
    def _share_training(cls, values: Any) -> Any:
        """Copies the shared training settings into each candidate; the candidate's own settings override them."""
        if not (isinstance(values, dict) and isinstance(values.get("candidates"), dict)):
            return values
        shared = values.get("training") or {}
        if not isinstance(shared, dict):
            return values
        candidates = {
            name: {**candidate, "training": {**shared, **(candidate.get("training") or {})}}
            if isinstance(candidate, dict) and isinstance(candidate.get("training") or {}, dict)
            else candidate
            for name, candidate in values["candidates"].items()
        }
        return {**values, "candidates": candidates}

    @pydantic.field_validator("candidates")
    @classmethod
    def _at_least_one_candidate(cls, candidates: dict[str, CandidateConfig]) -> dict[str, CandidateConfig]:
        if not candidates:
            raise ValueError("name at least one candidate")
        return candidates

    @pydantic.field_validator("selection")
    @classmethod
    def _only_classes_of_the_data(cls, selection: SelectionConfig, info: pydantic.ValidationInfo) -> SelectionConfig:
        if "data" in info.data:  # it is missing if the data settings are invalid
            class_names = info.data["data"].class_names
            unknown = [name for name in selection.min_class_iou if name not in class_names]
            if unknown:
                raise ValueError(f"min_class_iou: unknown class {unknown[0]!r}; the run has {', '.join(class_names)}")
        return selection

    @pydantic.model_validator(mode="after")
    def _weights_only_of_the_datas_classes(self) -> RunConfig:
        trainings = {"training": self.training}
        trainings |= {f"candidates.{name}.training": candidate.training for name, candidate in self.candidates.items()}
        for key, training in trainings.items():
            weights = training.class_weights if isinstance(training.class_weights, dict) else {}
            unknown = [name for name in weights if name not in self.data.class_names]
            if unknown:
                raise ValueError(
                    f"{key}.class_weights: unknown class {unknown[0]!r}; the run has {', '.join(self.data.class_names)}"
                )
        return self

    @pydantic.model_validator(mode="after")
    def _rare_crops_are_taken(self) -> RunConfig:
        for name, candidate in self.candidates.items():
            if candidate.training.augmentation.rare_crops is not None and self.data.resize != "crop":
                raise ValueError(
                    f"candidates.{name}.training.augmentation.rare_crops: images are cropped only with "
                    f"data.resize=crop, not with {self.data.resize}; remove it"
                )
        return self

    @pydantic.model_validator(mode="after")
    def _detector_settings_agree(self) -> RunConfig:
        if self.detector and not self.data.boxes:
            raise ValueError("detector: it is trained on boxes; set data.boxes to true")
        if self.detector and (not isinstance(self.data.image_size, int) or self.data.resize != "stretch"):
            raise ValueError(
                "detector: an SSD takes stretched, square photos; set data.image_size to one number and data.resize to "
                "stretch"
            )
        if self.detector and isinstance(self.data.image_size, int) and self.data.image_size < SMALLEST_SIZE:
            raise ValueError(
                f"detector: an SSD takes images of {SMALLEST_SIZE} pixels or more, not {self.data.image_size}; set "
                f"data.image_size to {SMALLEST_SIZE} or more"
            )
        transferring = [name for name, candidate in self.candidates.items() if candidate.transfer]
        if transferring and not self.detector:
            raise ValueError(
                f"candidates.{transferring[0]}.transfer: the run has no detector to transfer weights from; add one"
            )
        return self

    @pydantic.model_validator(mode="after")
    def _background_classes_are_recorded(self) -> RunConfig:
        learning = [name for name, candidate in self.candidates.items() if candidate.training.learn_background_classes]
        if learning and not self.data.background_classes:
            raise ValueError(
                f"candidates.{learning[0]}.training.learn_background_classes: set data.background_classes to true"
            )
        return self

    @property
    def output_folder(self) -> Path:
        """The output folder as an absolute path."""
        return local_path(self.output or f"runs/{self.name}").resolve()

    @property
    def pipeline_root(self) -> str:
        """The folder in which TFX stores the artifacts."""
        return str(self.output_folder / ARTIFACTS_FOLDER)

    @property
    def training_folder(self) -> str:
        """The folder in which unfinished trainings store their state."""
        return str(self.output_folder / TRAINING_FOLDER)

    @property
    def metadata_file(self) -> str:
        """The database of ML Metadata."""
        return str(self.output_folder / METADATA_FILE)

    @property
    def serving_folder(self) -> str:
        """The folder to which the Pusher publishes and which TensorFlow Serving polls."""
        return str(self.output_folder / SERVING_FOLDER)
