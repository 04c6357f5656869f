"""The pages of the Python API: which modules other projects use. mkdocstrings writes them from the docstrings."""

from __future__ import annotations

PAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "dataset": (
        "The dataset",
        (
            "tfds_voc_seg",
            "tfds_voc_seg.voc_seg_dataset_builder",
            "tfds_voc_seg.record_config",
            "tfds_voc_seg.label_set",
            "tfds_voc_seg.label_set_files",
            "tfds_voc_seg.records.features",
            "tfds_voc_seg.records.decoding",
            "tfds_voc_seg.class_maps",
            "tfds_voc_seg.geometry",
            "tfds_voc_seg.storage",
        ),
    ),
    "networks": (
        "Networks",
        (
            "components.networks",
            "components.networks.contract",
            "components.networks.fcn",
            "components.networks.unet",
            "components.networks.deeplab",
            "components.networks.backbones",
        ),
    ),
    "training": (
        "Training",
        (
            "components.training.loop",
            "components.training.losses",
            "components.training.optimizers",
            "components.training.augmentation",
            "components.training.cropping",
        ),
    ),
    "metrics": (
        "Metrics",
        (
            "components.metrics",
            "components.metrics.counts",
            "components.metrics.confusion",
            "components.metrics.boundary",
            "components.metrics.bootstrap",
            "components.segmentation_evaluator.metrics",
        ),
    ),
    "models": (
        "Models and predictions",
        (
            "components.saved_model.signatures",
            "components.saved_model.export",
            "components.saved_model.description",
            "components.saved_model.trust",
            "pipeline.prediction.segmenter",
            "pipeline.prediction.video.predict_video",
            "pipeline.prediction.video.options",
        ),
    ),
    "pipelines": ("The pipeline", ("pipeline.pipeline", "pipeline.config.loading", "pipeline.config.schema")),
}
"""Name of the page → its title and its modules."""


def api_page(name: str) -> str:
    """Returns a page as Markdown, for mkdocstrings."""
    title, modules = PAGES[name]
    sections = [f"## {module}\n\n::: {module}\n    options:\n      show_root_toc_entry: false\n" for module in modules]
    return "\n".join([f"# {title}\n", *sections])
