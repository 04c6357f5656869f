"""Every seed and every saved input of the fuzzer is handled by its target; `make fuzz` searches for more."""

from __future__ import annotations

import pytest

from tests.fuzz.targets import TARGETS, saved_inputs

QUICK = ("header_reading", "mask_reading")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in TARGETS]
)
def test_known_inputs_are_handled(name: str) -> None:
    target = TARGETS[name]
    inputs = [*target.seeds(), *saved_inputs(name), *saved_inputs("header_reading")]
    for content in dict.fromkeys(inputs):
        target.run(content)


def test_the_fuzzer_begins_with_saved_inputs() -> None:
    """Of a record, the seed is the saved input."""
    assert [name for name in TARGETS if not saved_inputs(name)] == ["record_parsing"]
