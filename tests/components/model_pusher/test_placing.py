"""A version in an object store: claimed by its first file, complete with its last one. Here a folder is the store."""

from __future__ import annotations

from pathlib import Path

import pytest
from etils import epath

from components.locks import LockedError
from components.model_pusher import publishing
from components.model_pusher.placing import place_in_store
from components.model_pusher.publishing import Condition, publish
from components.saved_model.model_digest import model_digest
from tests.components.model_pusher.version_folders import FILES, content, write_model

CLAIM = b'{"id": "mine"}'
PUBLICATION = "assets.extra/publication.json"


@pytest.fixture
def incoming(tmp_path: Path) -> epath.Path:
    """A model that has been copied into the store, with the publication of another version in it."""
    folder = write_model(tmp_path / "serving/.incoming-1")
    (folder / PUBLICATION).write_bytes(b"of another version")
    return epath.Path(folder)


NAMES = [*FILES, PUBLICATION]


def test_a_version_is_claimed_first_and_completed_last(incoming: epath.Path) -> None:
    version = incoming.parent / "7"

    def still_held() -> None:
        assert content(Path(version)) == {
            **{name: incoming.joinpath(name).read_bytes() for name in FILES if name != "saved_model.pb"},
            PUBLICATION: CLAIM,
        }

    assert place_in_store(incoming, NAMES, 7, CLAIM, still_held) == version
    assert content(Path(version)) == {
        **{name: incoming.joinpath(name).read_bytes() for name in FILES},
        PUBLICATION: CLAIM,
    }


def test_a_number_that_is_claimed_is_not_used(incoming: epath.Path) -> None:
    for number in (7, 8):
        claimed = incoming.parent / str(number) / PUBLICATION
        claimed.parent.mkdir(parents=True)
        claimed.write_bytes(b"theirs")
    assert place_in_store(incoming, NAMES, 7, CLAIM, lambda: None).name == "9"
    assert (incoming.parent / "7" / PUBLICATION).read_bytes() == b"theirs"


def test_a_lost_lock_leaves_no_version(incoming: epath.Path) -> None:
    def lost() -> None:
        raise LockedError("taken over")

    with pytest.raises(LockedError, match="taken over"):
        place_in_store(incoming, NAMES, 7, CLAIM, lost)
    assert [path.name for path in incoming.parent.iterdir()] == [".incoming-1"]


@pytest.mark.parametrize("file", [PUBLICATION, "saved_model.pb"])
def test_a_version_that_another_process_changed_is_not_completed(file: str, incoming: epath.Path) -> None:
    version = incoming.parent / "7"
    with pytest.raises(LockedError, match=f"{version} was changed by another process; run the same command again"):
        place_in_store(incoming, NAMES, 7, CLAIM, lambda: (version / file).write_bytes(b"theirs"))
    if file == PUBLICATION:
        assert (version / file).read_bytes() == b"theirs"
        assert not (version / "saved_model.pb").exists()
    else:
        assert not version.exists()


def test_a_claim_that_cannot_be_read_is_left_to_the_next_publication(
    incoming: epath.Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: str) -> bytes:
        raise ConnectionError("reset")

    monkeypatch.setattr("components.model_pusher.placing.read_object", fail)
    with pytest.raises(ConnectionError):
        place_in_store(incoming, NAMES, 7, CLAIM, lambda: None)
    version = incoming.parent / "7"
    assert caplog.messages == [f"{version} cannot be read: reset; the next publication removes it if it is incomplete"]
    assert (version / PUBLICATION).read_bytes() == CLAIM


@pytest.mark.parametrize("publication", [None, {"pushed_model": "x"}])
def test_publishing_to_a_store_copies_the_model_and_removes_the_copy(
    publication: dict[str, str] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "is_remote", lambda _: True)
    monkeypatch.setattr("uuid.uuid4", lambda: type("Id", (), {"hex": "beef"}))
    model, serving = write_model(tmp_path / "model"), tmp_path / "new/serving"
    condition = Condition(model_digest(model), "")
    version = publish(model, serving, condition=condition, publication=publication)
    assert {path.name for path in serving.iterdir()} == {".lock", version.name}
    published = content(Path(version))
    pushed = b'"pushed_model": "x",\n  ' if publication else b""
    assert published.pop(PUBLICATION) == b"{\n  " + pushed + b'"id": ".incoming-beef"\n}'
    assert published == content(model)
