"""Makes a version of a copied model in an object store, which has no rename."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from components.locks import LockedError
from components.model_pusher.object_store import create_object, read_object
from components.model_pusher.removal import discard
from components.run_files import PUBLICATION_FILE, SAVED_MODEL_FILE
from tfds_voc_seg.storage import copy_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from etils import epath


def place_in_store(
    incoming: epath.Path, names: Iterable[str], number: int, claim: bytes, still_held: Callable[[], None]
) -> epath.Path:
    """Copies a model inside an object store to a version of its own, which is complete when its last file exists.

    The first file claims the number, the last one, `saved_model.pb`, completes the version; both are written on the
    condition that they do not exist. So two writers never share a number, even if one of them has lost the lock. The
    model was copied into the store before, so that an incomplete version exists for moments only.

    Args:
        incoming: the copied model, in the publishing folder.
        names: the paths of the model's files, relative to its folder, with `saved_model.pb`.
        number: the lowest number to use.
        claim: the content of the version's `publication.json`, unique to this call.
        still_held: raises LockedError if the publishing folder is no longer locked.

    Returns:
        The version's folder.

    Raises:
        LockedError: another process took over the lock or removed the claim. Then the version does not exist.
    """
    while not create_object(f"{incoming.parent}/{number}/{PUBLICATION_FILE}", claim):
        number += 1
    version = incoming.parent / str(number)
    try:
        for name in names:
            if name not in (PUBLICATION_FILE, SAVED_MODEL_FILE):
                (version / name).parent.mkdir(parents=True, exist_ok=True)
                copy_file(incoming / name, version / name)
        still_held()
        last = (incoming / SAVED_MODEL_FILE).read_bytes()
        if not (_holds_claim(version, claim) and create_object(f"{version}/{SAVED_MODEL_FILE}", last)):
            raise LockedError(f"{version} was changed by another process; run the same command again")
    except BaseException:
        _discard_own(version, claim)
        raise
    return version


def _holds_claim(version: epath.Path, claim: bytes) -> bool:
    return read_object(f"{version}/{PUBLICATION_FILE}") == claim


def _discard_own(version: epath.Path, claim: bytes) -> None:
    try:
        own = _holds_claim(version, claim)
    except Exception as error:  # botocore has errors of many types
        logging.warning("%s cannot be read: %s; the next publication removes it if it is incomplete", version, error)
        return
    if own:
        discard(version)
