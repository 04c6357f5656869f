"""The checks of the data as pure functions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.data_validator.checks import (
    drift_findings,
    empty_mask_findings,
    pixel_shares,
    rare_class_findings,
    share_drift,
    void_findings,
)
from components.data_validator.validation_config import ValidationConfig
from tfds_voc_seg.records.pixel_counts import PixelCounts


@given(st.floats(0, 1), st.floats(0, 1))
def test_share_drift_is_symmetric_and_between_0_and_1(one: float, other: float) -> None:
    assert share_drift(one, other) == share_drift(other, one)
    assert 0 <= share_drift(one, other) <= 1
    assert share_drift(one, one) == 0
    assert share_drift(one, 0) == (1 if one else 0)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=21), st.integers(1, 1000))
def test_pixel_shares_sum_to_1_and_do_not_depend_on_the_number_of_images(pixels: list[int], times: int) -> None:
    shares = pixel_shares(pixels)
    assert sum(shares) == pytest.approx(1 if any(pixels) else 0)
    assert pixel_shares([count * times for count in pixels]) == pytest.approx(shares)


@given(st.lists(st.integers(0, 30), min_size=2, max_size=2), st.integers(0, 40))
def test_classes_with_too_few_images_are_found(class_images: list[int], minimum: int) -> None:
    config = ValidationConfig(min_images_of_class=minimum)
    found = {f.class_name: f for f in rare_class_findings("train", 30, class_images, ("background", "dog"), config)}
    for name, count in zip(("background", "dog"), class_images, strict=True):
        assert (name in found) == (count < minimum)
        if name in found:
            assert found[name].severity == ("warning" if count else "error")
            assert found[name].what.startswith(f"class {name} occurs in {f'only {count}' if count else 'none'} of ")


def test_a_share_of_masks_without_foreground_can_be_allowed_and_at_most_five_are_named() -> None:
    counts = PixelCounts(100, (1, 1), tuple("abcdefgh"))
    assert empty_mask_findings("val", counts, ValidationConfig(max_without_foreground=0.08)) == []
    (finding,) = empty_mask_findings("val", counts, ValidationConfig(max_without_foreground=0.07))
    assert "a, b, c, d, e and 3 more" in finding.what
    assert "8 of 100 masks contain only background or void" in finding.what
    (single,) = empty_mask_findings("val", PixelCounts(9, (1, 1), ("a",)), ValidationConfig())
    assert single.what.startswith("1 of 9 masks contains only background or void")


@pytest.mark.parametrize(("images", "drift", "found"), [(10, 0.49, True), (9, 0.0, False), (10, 0.5, False)])
def test_drift_is_checked_only_with_enough_images(images: int, drift: float, found: bool) -> None:
    pixels = {"train": PixelCounts(20, (80, 20), ()), "val": PixelCounts(20, (90, 10), ())}
    config = ValidationConfig(max_share_drift=drift, drift_min_images=10)
    class_images = {"train": [20, 20], "val": [20, images]}
    findings = drift_findings(pixels, class_images, ("background", "dog"), config)
    assert [f.class_name for f in findings if f.class_name == "dog"] == (["dog"] if found else [])
    if found:
        assert "class dog covers 20.00% of the valid pixels in train but 10.00% in val" in findings[-1].what


def test_a_share_of_void_that_no_correct_masks_have() -> None:
    counts = PixelCounts(10, (50, 9), (), void_pixels=41)
    (finding,) = void_findings("val", counts, ValidationConfig())
    assert finding.what.startswith("41% of the pixels are void, above validation.max_void_share of 40%")
    assert "`masks: binary` in labels.yaml" in finding.what
    assert void_findings("val", counts, ValidationConfig(max_void_share=0.41)) == []
    assert void_findings("val", PixelCounts(0, (), ()), ValidationConfig()) == []
