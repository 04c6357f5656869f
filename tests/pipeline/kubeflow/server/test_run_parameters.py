"""Values of a specification's parameters: the declared type decides how the text is read."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.kubeflow.server.parameters import ParameterError, parameter_values, run_parameters

SPEC: dict[str, Any] = {
    "root": {
        "inputDefinitions": {
            "parameters": {
                "epochs": {"parameterType": "NUMBER_INTEGER", "defaultValue": 10},
                "rate": {"parameterType": "NUMBER_DOUBLE", "isOptional": True},
                "name": {"type": "STRING", "defaultValue": "a"},
                "final": {"parameterType": "TASK_FINAL_STATUS", "isOptional": True},
            }
        }
    }
}


def test_a_text_is_read_as_its_type_and_an_unknown_type_as_yaml() -> None:
    parameters = run_parameters(SPEC)
    values = parameter_values(parameters, ["epochs=3", "rate=1e-3", "name=3", "final={a: 1}"])
    assert values == {"epochs": 3, "rate": 1e-3, "name": "3", "final": {"a": 1}}
    assert parameter_values(parameters, ["final=a: b: c"]) == {"final": "a: b: c"}
    assert parameter_values(parameters, []) == {}


@pytest.mark.parametrize("assignment", ["epochs=true", "epochs=1.5", "rate=fast"])
def test_a_value_of_another_type_is_refused(assignment: str) -> None:
    with pytest.raises(ParameterError, match=f"^--set {assignment}: {assignment.partition('=')[0]} must be a"):
        parameter_values(run_parameters(SPEC), [assignment])


def test_a_specification_without_parameters_says_how_to_change_a_setting() -> None:
    parameters = run_parameters({"root": {}})
    with pytest.raises(ParameterError, match=r"unknown parameter 'epochs'. The specification has no parameters: .* ag"):
        parameter_values(parameters, ["epochs=3"])
