"""What a run's folder holds, and how the files of each artifact are called. Imports nothing."""

from __future__ import annotations

# ------------------------------------------------------------------------------------- the output folder of a run
ARTIFACTS_FOLDER = "tfx"
"""TFX's artifacts: `<node>/<output key>/<execution>/`."""
METADATA_FILE = "metadata.sqlite"
"""ML Metadata's database."""
TRAINING_FOLDER = "training"
"""The states of trainings that have not finished."""
SERVING_FOLDER = "serving"
"""The published versions, which TensorFlow Serving polls."""
LOGS_FOLDER = "logs"
SUMMARY_FILE = "summary.json"
REPORT_FILE = "report/index.html"
CURVES_FILE = "curves.png"
"""The training curves of all candidates; in a `ModelRun` artifact those of one."""
SAMPLE_DEVKIT_FOLDER = "sample_devkit"
SAMPLE_SETTINGS_FILE = "sample_devkit.json"
EXPERIMENT_PAGE_FILE = "experiment.html"
EXPERIMENT_RESULTS_FILE = "experiment.json"
EXPERIMENT_EVALUATION_FOLDER = "evaluation"

# ------------------------------------------------------------------------------------- the serving folder
SAVED_MODEL_FILE = "saved_model.pb"
WITHDRAWN_FOLDER = "withdrawn"
"""Versions that a rollback took out of service; TensorFlow Serving skips the folder."""

# ------------------------------------------------------------------------------------- Examples, of VocExampleGen
# `tfds_voc_seg.records.files.REJECTS_FILE`, which the dataset writes without the components.

# ------------------------------------------------------------------------------------- Schema, of CuratedSchema
SCHEMA_FILE = "schema.pbtxt"

# ------------------------------------------------------------------------------------- of DataValidator
VALIDATION_FILE = "validation.json"
DATA_SUMMARY_FILE = "data_summary.json"

# ------------------------------------------------------------------------------------- Model, of SegmentationTrainer
DESCRIPTION_FILE = "segmentation.json"
"""Among the SavedModel's assets: what a model says of itself."""
MODEL_CARD_FILE = "assets.extra/model_card.md"
"""In the SavedModel, where TensorFlow Serving expects files that are not part of the model."""

# ------------------------------------------------------------------------------------- ModelRun, of both trainers
HISTORY_JSON = "history.json"
HISTORY_CSV = "history.csv"
TENSORBOARD_FOLDER = "tensorboard"
BACKBONE_FILE = "backbone.json"
"""Which layers took their weights from a detector."""

# ------------------------------------------------------------------------------------- Model, of DetectorTrainer
DETECTOR_DESCRIPTION_FILE = "detector.json"
LAYER_WEIGHTS_FILE = "layers.weights.h5"
DETECTION_FILE = "detection.json"
DETECTOR_WEIGHTS_FILE = "weights.json"
DETECTIONS_FOLDER = "detections"

# ------------------------------------------------------------------------------------- the state of a training
STATE_FILE = "state.json"

# ------------------------------------------------------------------------------------- of ModelSmokeTest
SMOKE_TEST_FILE = "smoke_test.json"

# ------------------------------------------------------------------------------------- of SegmentationEvaluator
EVALUATION_FILE = "evaluation.json"
IMAGES_FILE = "images.jsonl"
"""The pixel counts of each image, one line per image."""
EXAMPLES_FOLDER = "examples"
"""Pictures of the best, median and worst images, one folder per image."""
PHOTO_FILE = "photo.png"
TRUTH_FILE = "truth.png"

# ------------------------------------------------------------------------------------- ModelBlessing, of ModelSelector
SELECTION_FILE = "selection.json"
