"""Whether the keys on the pages are settings."""

from __future__ import annotations

import re

from docs_generator.settings_page import sections_of
from pipeline.config.schema import RunConfig


def is_setting(key: str) -> bool:
    """Whether a dotted key names a setting, a section, or something in a setting that is a mapping."""
    key = re.sub(r"^candidates\.[^.]+", "candidates.NAME", key)
    key = re.sub(r"^kubeflow\.nodes\..+(?=\.)", "kubeflow.nodes.NODE", key)  # the name of a node may contain a dot
    key = key.replace("candidates.NAME.training.", "training.")  # shown once
    sections = list(sections_of(RunConfig))
    settings = {setting.key: setting for section in sections for setting in section.settings}
    known = {*settings, *(section.key for section in sections), "candidates", "kubeflow.nodes"}
    mappings = tuple(f"{name}." for name, setting in settings.items() if setting.type.startswith("mapping"))
    return key in known or key.startswith(mappings)
