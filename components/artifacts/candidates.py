"""Candidates as named inputs: one channel per candidate, because Kubeflow Pipelines has no union of channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from tfx import types
from tfx.types import artifact_utils, component_spec, standard_artifacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CANDIDATE_INPUT_PREFIX = "model_"
BASELINE_KEY = "baseline"
IN_SERVICE_PROPERTY = "in_service"
"""Custom property of the baseline Model artifact: 1 if a model is in service, 0 if the artifact is empty."""

MODEL_DIGEST_PROPERTY = "model_digest"
"""Custom property of the baseline Model, and of the ModelBlessing: `model_digest` of the model."""
COMPARED_WITH_PROPERTY = "compared_with"
"""Custom property of the ModelBlessing: `model_digest` of the model in service that the candidates were compared with;
empty if no model was in service."""

Spec = TypeVar("Spec", bound=type[types.ComponentSpec])


def candidate_key(candidate: str) -> str:
    """Returns the input key of a candidate's Model artifact."""
    return f"{CANDIDATE_INPUT_PREFIX}{candidate}"


def with_candidate_inputs(spec_class: Spec, candidates: Iterable[str]) -> Spec:
    """Derives a component specification with one additional Model input per candidate."""
    inputs = {
        candidate_key(candidate): component_spec.ChannelParameter(type=standard_artifacts.Model)
        for candidate in candidates
    }
    return type(spec_class.__name__, (spec_class,), {"INPUTS": {**spec_class.INPUTS, **inputs}})  # type: ignore[return-value]


def candidate_channels(models: Mapping[str, types.BaseChannel]) -> dict[str, types.BaseChannel]:
    """Returns input key → channel, from candidate → channel."""
    return {candidate_key(candidate): channel for candidate, channel in models.items()}


def candidate_models(input_dict: Mapping[str, list[types.Artifact]]) -> dict[str, types.Artifact]:
    """Returns candidate → Model artifact from the inputs of an executor, in alphabetical order."""
    return {
        key.removeprefix(CANDIDATE_INPUT_PREFIX): artifact_utils.get_single_instance(input_dict[key])
        for key in sorted(input_dict)
        if key.startswith(CANDIDATE_INPUT_PREFIX)
    }


def model_in_service(input_dict: Mapping[str, list[types.Artifact]]) -> types.Artifact | None:
    """Returns the Model artifact of the model in service; `None` if no model is in service."""
    baseline = artifact_utils.get_single_instance(input_dict[BASELINE_KEY])
    return baseline if baseline.get_int_custom_property(IN_SERVICE_PROPERTY) else None
