"""A publishing folder, on a disk and in an object store, after any sequence of commands, kills and clock steps."""

from __future__ import annotations

import functools
import itertools
import json
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from etils import epath
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from components.model_pusher.object_store import forget_listings
from components.model_pusher.publishing import Condition, OutdatedComparisonError, publish
from components.model_pusher.rollback import RollbackError, rollback
from components.saved_model.model_digest import model_digest
from components.saved_model.serving_folder import latest_version, versions, withdrawn_versions
from tests.components.model_pusher.version_folders import FILES, write_model
from tests.faults.disk_kills import KilledError, killed_at
from tests.faulty_store import BUCKET, FOREVER

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable

    from tests.faulty_store import FaultyStore

_KEEP = st.sampled_from([None, 1, 2])
_numbers = itertools.count()


class PublishingFolder(RuleBasedStateMachine):
    """Serving, order and provenance hold after each step.

    Serving: each version is whole, and its content is that of a model that was to be published. Order: the expected
    model is in service. Provenance: each version names the push that published it, and no two name the same.

    Attributes:
        killed: what a killed command raises.
        faults: the number of faults by kind.
    """

    killed: type[BaseException] = KilledError

    def __init__(self) -> None:
        super().__init__()
        self.faults: Counter[str] = Counter()
        self.folder = Path(tempfile.mkdtemp())
        self.models = {letter: write_model(self.folder / letter, letter) for letter in "abc"}
        self.digests = {letter: model_digest(model) for letter, model in self.models.items()}
        self.pushes: dict[str, str] = {}
        self.in_service = ""
        self.clock = 1_700_000_000

    @property
    def serving(self) -> epath.Path:
        return epath.Path(self.folder / "serving")

    def killed_at(self, number: int) -> contextlib.AbstractContextManager[None]:
        return killed_at(number)

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def _push(self, letter: str, keep: int | None) -> None:
        push = f"push {len(self.pushes)}"
        self.pushes[push] = self.digests[letter]
        condition = Condition(self.digests[letter], self.in_service)
        with mock.patch("components.model_pusher.publishing.time.time", return_value=self.clock):
            publish(
                self.models[letter],
                self.serving,
                keep_versions=keep,
                condition=condition,
                publication={"pushed_model": push},
            )

    def _killed(self, command: Callable[[], Any], number: int, expected: str) -> None:
        """Kills a command; then the model that was in service is still so, or the expected one is."""
        try:
            with self.killed_at(number):
                command()
        except self.killed:
            self.faults["kill in a sequence"] += 1
        forget_listings(self.serving)
        latest = latest_version(self.serving)
        found = model_digest(latest) if latest else ""
        assert found in (self.in_service, expected)
        self.in_service = found

    @rule(letter=st.sampled_from("abc"), keep=_KEEP)
    def push(self, letter: str, keep: int | None) -> None:
        self._push(letter, keep)
        self.in_service = self.digests[letter]

    @rule(letter=st.sampled_from("abc"), keep=_KEEP, number=st.integers(1, 90))
    def push_and_be_killed(self, letter: str, keep: int | None, number: int) -> None:
        self._killed(lambda: self._push(letter, keep), number, self.digests[letter])

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

    @rule(data=st.data(), number=st.integers(1, 40))
    def roll_back_to_any_version_and_be_killed(self, data: st.DataObject, number: int) -> None:
        all_versions = [*versions(self.serving), *withdrawn_versions(self.serving)]
        if all_versions:
            target = data.draw(st.sampled_from(all_versions))
            expected = model_digest(target)
            if target in versions(self.serving) or int(target.name) > int(versions(self.serving)[-1].name):
                self._killed(lambda: rollback(self.serving, target.name), number, expected)

    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        if withdrawn := withdrawn_versions(self.serving):
            target = data.draw(st.sampled_from(withdrawn))
            expected = model_digest(target)
            rollback(self.serving, target.name)
            self.in_service = expected

    @rule(seconds=st.integers(-100_000, 100_000))
    def step_the_clock(self, seconds: int) -> None:
        self.clock += seconds
        self.faults["clock step"] += 1

    @invariant()
    def serving_holds(self) -> None:
        for version in versions(self.serving):
            assert all((version / name).exists() for name in FILES)
            assert model_digest(version) in self.digests.values()

    @invariant()
    def order_holds(self) -> None:
        latest = latest_version(self.serving)
        assert (model_digest(latest) if latest else "") == self.in_service

    @invariant()
    def provenance_holds(self) -> None:
        pushes = {}
        for version in versions(self.serving):
            pushes[version.name] = json.loads((version / "assets.extra/publication.json").read_text())["pushed_model"]
            assert self.pushes[pushes[version.name]] == model_digest(version)
        assert len({*pushes.values()}) == len(pushes)


class StoreFolder(PublishingFolder):
    """The same in an object store. After a kill, no request of the process reaches it any more."""

    killed = Exception

    def __init__(self, store: FaultyStore) -> None:
        super().__init__()
        self._store = store
        self._place = f"{BUCKET}/machine-{next(_numbers)}/serving"

    @property
    def serving(self) -> epath.Path:
        return epath.Path(self._place)

    def killed_at(self, number: int) -> contextlib.AbstractContextManager[None]:
        return self._store.faults("500", number, FOREVER)


_steps = functools.partial(settings, stateful_step_count=15, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture
def try_sequences(record_faults: Callable[[Counter[str]], None]) -> Callable[..., None]:
    """Tries sequences of commands on a kind of folder, and counts the faults."""

    def try_sequences(folder: type[PublishingFolder], count: int, *arguments: Any) -> None:
        faults: Counter[str] = Counter()

        class Folder(folder):  # type: ignore[misc, valid-type]
            def __init__(self) -> None:
                super().__init__(*arguments)
                self.faults = faults

        run_state_machine_as_test(Folder, settings=_steps(max_examples=count))
        record_faults(faults)

    return try_sequences


def test_any_sequence_of_commands_on_a_disk(try_sequences: Callable[..., None]) -> None:
    try_sequences(PublishingFolder, 10)


@pytest.mark.slow
def test_many_sequences_of_commands_on_a_disk(try_sequences: Callable[..., None]) -> None:
    try_sequences(PublishingFolder, 100)


@pytest.mark.slow
def test_any_sequence_of_commands_in_an_object_store(
    object_store: FaultyStore, try_sequences: Callable[..., None]
) -> None:
    try_sequences(StoreFolder, 15, object_store)
