"""A publishing folder after any sequence of commands."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from components.model_pusher.publishing import Condition, OutdatedComparisonError, publish
from components.model_pusher.rollback import RollbackError, rollback
from components.saved_model.model_digest import model_digest
from components.saved_model.serving_folder import latest_version, versions
from tests.components.model_pusher.version_folders import FILES, write_model


class PublishingFolder(RuleBasedStateMachine):
    """Any sequence of pushes, rollbacks and clock steps: the model in service is always the expected one."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.serving = self.folder / "serving"
        self.models = {letter: write_model(self.folder / letter, letter) for letter in "abc"}
        self.digests = {letter: model_digest(model) for letter, model in self.models.items()}
        self.in_service = ""
        self.clock = 1_700_000_000

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(letter=st.sampled_from("abc"), keep=st.sampled_from([None, 1, 2]))
    def push(self, letter: str, keep: int | None) -> None:
        condition = Condition(self.digests[letter], self.in_service)
        with mock.patch("components.model_pusher.publishing.time.time", return_value=self.clock):
            publish(self.models[letter], self.serving, keep_versions=keep, condition=condition)
        self.in_service = self.digests[letter]

    @rule(letter=st.sampled_from("abc"))
    def push_after_a_comparison_with_another_model(self, letter: str) -> None:
        with pytest.raises(OutdatedComparisonError):
            publish(self.models[letter], self.serving, condition=Condition(self.digests[letter], "of another"))

    @rule()
    def roll_back(self) -> None:
        served = versions(self.serving)
        try:
            rollback(self.serving)
        except RollbackError:
            assert len(served) < 2
        else:
            self.in_service = model_digest(served[-2])

    @rule(seconds=st.integers(-100_000, 100_000))
    def step_the_clock(self, seconds: int) -> None:
        self.clock += seconds

    @rule()
    def leave_a_killed_copy(self) -> None:
        (self.serving / ".incoming-killed").mkdir(parents=True, exist_ok=True)

    @invariant()
    def every_version_is_whole(self) -> None:
        for version in versions(self.serving):
            assert all((version / name).exists() for name in FILES)
            assert model_digest(version) in self.digests.values()

    @invariant()
    def the_expected_model_is_in_service(self) -> None:
        latest = latest_version(self.serving)
        assert (model_digest(latest) if latest else "") == self.in_service


TestPublishingFolder = PublishingFolder.TestCase
TestPublishingFolder.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
