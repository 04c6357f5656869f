"""Candidates as named inputs: one channel a candidate, since Kubeflow Pipelines knows no union of channels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from tfx import types
from tfx.types import artifact_utils, component_spec, standard_artifacts

CANDIDATE_INPUT_PREFIX = "model_"
BASELINE_KEY = "baseline"
BASELINE_MODEL = "in-service"
"""The model in service among the evaluated models; no candidate's name has a hyphen."""
IN_SERVICE_PROPERTY = "in_service"
"""Custom property of the baseline Model artifact: 1 where a model is in service, 0 where the artifact is empty."""

Spec = TypeVar("Spec", bound=type[types.ComponentSpec])


def candidate_key(candidate: str) -> str:
    """The input key of a candidate's Model artifact."""
    return f"{CANDIDATE_INPUT_PREFIX}{candidate}"


def with_candidate_inputs(spec_class: Spec, candidates: Iterable[str]) -> Spec:
    """Derives a specification with one Model input more for each candidate."""
    inputs = {
        candidate_key(candidate): component_spec.ChannelParameter(type=standard_artifacts.Model)
        for candidate in candidates
    }
    return type(spec_class.__name__, (spec_class,), {"INPUTS": {**spec_class.INPUTS, **inputs}})  # type: ignore[return-value]


def candidate_channels(models: Mapping[str, types.BaseChannel]) -> dict[str, types.BaseChannel]:
    """Keys each candidate's channel as its specification names it."""
    return {candidate_key(candidate): channel for candidate, channel in models.items()}


def candidate_models(input_dict: Mapping[str, list[types.Artifact]]) -> dict[str, types.Artifact]:
    """Collects the candidates' Model artifacts of an executor's inputs, by candidate, in alphabetical order."""
    return {
        key.removeprefix(CANDIDATE_INPUT_PREFIX): artifact_utils.get_single_instance(input_dict[key])
        for key in sorted(input_dict)
        if key.startswith(CANDIDATE_INPUT_PREFIX)
    }


def model_in_service(input_dict: Mapping[str, list[types.Artifact]]) -> types.Artifact | None:
    """Gives the Model artifact of the model in service, or `None` where there is none."""
    baseline = artifact_utils.get_single_instance(input_dict[BASELINE_KEY])
    return baseline if baseline.get_int_custom_property(IN_SERVICE_PROPERTY) else None
