"""The names of the files and folders that a run writes, in its output folder and in its artifacts. Imports nothing.

All modules take the names from here, with two exceptions: `tfds_voc_seg.records.files` names the files of an Examples
artifact, because the dataset works without the components, and `components.model_smoke_test.checks` repeats the name of
a model's description, because it runs without this project's code.
"""

from __future__ import annotations

# The output folder of a run -------------------------------------------------------------------------------------------

ARTIFACTS_FOLDER = "tfx"
"""TFX's artifacts: `<node>/<output key>/<execution>/`."""
EXECUTIONS_FOLDER = ".executions"
"""In `ARTIFACTS_FOLDER`: one record per execution, see `pipeline.metadata.execution_records`."""
LOCK_FILE = ".lock"
"""Names the process that uses the folder; also in the publishing folder. See `components.locks`."""
METADATA_FILE = "metadata.sqlite"
"""The database of ML Metadata."""
TRAINING_FOLDER = "training"
"""The states of unfinished trainings, from which a later run resumes."""
FEATURES_FOLDER = "frozen-features"
"""In `TRAINING_FOLDER`: the features of frozen blocks, see `components.training.feature_cache`; can be deleted. The
names of candidates contain no hyphen."""
SERVING_FOLDER = "serving"
"""The published versions; TensorFlow Serving polls this folder."""
LOGS_FOLDER = "logs"
SUMMARY_FILE = "summary.json"
REPORT_FILE = "report/index.html"
CURVES_FILE = "curves.png"
"""The training curves of all candidates; in a `ModelRun` artifact, those of one candidate."""
SAMPLE_DEVKIT_FOLDER = "sample_devkit"
SAMPLE_SETTINGS_FILE = "sample_devkit.json"
"""The settings that the sample devkit was generated with."""

# Every artifact -------------------------------------------------------------------------------------------------------

MANIFEST_FILE = "manifest.json"
"""The names, sizes and digests of the artifact's files, see `components.manifest`."""

# The output folder of an experiment -----------------------------------------------------------------------------------

EXPERIMENT_PAGE_FILE = "experiment.html"
EXPERIMENT_RESULTS_FILE = "experiment.json"
EXPERIMENT_EVALUATION_FOLDER = "evaluation"
"""In the output folder of each of its runs: the evaluation of all seeds together."""

# The publishing folder, which contains one folder per version ---------------------------------------------------------

WITHDRAWN_FOLDER = "withdrawn"
"""Versions that a rollback removed from service; TensorFlow Serving ignores this folder."""

# A SavedModel: in a version of the publishing folder, and in the Model artifact of SegmentationTrainer ----------------

SAVED_MODEL_FILE = "saved_model.pb"
VARIABLES_FOLDER = "variables"
ASSETS_FOLDER = "assets"
DESCRIPTION_FILE = "segmentation.json"
"""In `ASSETS_FOLDER`: the classes, the input size, the network and its training."""
EXTRA_ASSETS_FOLDER = "assets.extra"
"""Files that TensorFlow Serving ignores."""
MODEL_CARD_FILE = f"{EXTRA_ASSETS_FOLDER}/model_card.md"
PUBLICATION_FILE = f"{EXTRA_ASSETS_FOLDER}/publication.json"
"""In a published version: the PushedModel artifact of the Pusher that published it."""

# Examples artifact of VocExampleGen -----------------------------------------------------------------------------------

RECORD_CONFIG_FILE = "record_config.json"
"""What the records were converted with, and the ids and colours of their classes."""

# Schema artifact of CuratedSchema -------------------------------------------------------------------------------------

SCHEMA_FILE = "schema.pbtxt"

# Artifact of DataValidator --------------------------------------------------------------------------------------------

VALIDATION_FILE = "validation.json"
DATA_SUMMARY_FILE = "data_summary.json"

# ModelRun artifact of SegmentationTrainer and DetectorTrainer, in addition to CURVES_FILE -----------------------------

HISTORY_JSON = "history.json"
HISTORY_CSV = "history.csv"
TENSORBOARD_FOLDER = "tensorboard"
BACKBONE_FILE = "backbone.json"
"""The detector whose weights the backbone started from, and the layers that received them."""
DETECTION_FILE = "detection.json"
"""The metrics of a detector."""
DETECTOR_WEIGHTS_FILE = "weights.json"
"""The layers of a detector that received the initial weights."""
DETECTIONS_FOLDER = "detections"
"""Images with the boxes that a detector found."""

# Model artifact of DetectorTrainer ------------------------------------------------------------------------------------

DETECTOR_DESCRIPTION_FILE = "detector.json"
LAYER_WEIGHTS_FILE = "layers.weights.h5"

# A release, the folder of `vocseg run --publish-weights`: these, LAYER_WEIGHTS_FILE and DESCRIPTION_FILE -------------

CHECKSUMS_FILE = "SHA256SUMS"
"""The digests of the other files, in the format of `sha256sum`."""
RELEASED_MODEL_FILE = "model.tar.gz"
"""The SavedModel, in a folder `model`."""
RELEASED_CARD_FILE = "model_card.md"
RELEASED_PRESET_FILE = "preset.yaml"
"""The configuration of the run, without places on its machine."""
RELEASED_FIGURES_FILE = "figures.json"

# The state of a training, in a folder of TRAINING_FOLDER --------------------------------------------------------------

STATE_FILE = "state.json"

# Artifact of ModelSmokeTest -------------------------------------------------------------------------------------------

SMOKE_TEST_FILE = "smoke_test.json"

# ModelEvaluation artifact of SegmentationEvaluator --------------------------------------------------------------------

EVALUATION_FILE = "evaluation.json"
IMAGES_FILE = "images.jsonl"
"""The pixel counts of each image, one line per image."""
EXAMPLES_FOLDER = "examples"
"""Pictures of the best, median and worst images: one folder per image, with a `<model>.png` per model beside the files
below."""
BASELINE_MODEL = "in-service"
"""The name of the model in service among the evaluated models; the names of candidates contain no hyphen."""
PHOTO_FILE = "photo.png"
TRUTH_FILE = "truth.png"

# Model artifact of TargetExporter; also in the folder of a version's targets -----------------------------------------

TARGETS_FILE = "targets.json"
"""What was measured of each target, and which of them are published."""

# ModelBlessing artifact of ModelSelector ------------------------------------------------------------------------------

SELECTION_FILE = "selection.json"
