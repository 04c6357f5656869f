"""Uses a cached result only if its files are intact. TFX itself checks only that their folders exist."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from tfx.orchestration.portable import cache_utils

from components.manifest import find_damage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.display.live import Display


@contextlib.contextmanager
def intact_cache(display: Display, damaged: dict[str, str]) -> Iterator[None]:
    """Compares each cached result with its manifest inside the `with` block; a node whose result is damaged runs again.

    TFX has no hook between the lookup and the use of a cached result, so the lookup is replaced meanwhile.

    Args:
        display: shows why a node runs again.
        damaged: receives node id → what is wrong.
    """
    original = cache_utils.get_cached_outputs

    def get_intact_outputs(*, metadata_handle: Any, cache_context: Any) -> Any:
        outputs = original(metadata_handle=metadata_handle, cache_context=cache_context)
        for artifact in (artifact for same_key in (outputs or {}).values() for artifact in same_key):
            damage = find_damage(artifact.uri)
            if damage is not None:
                node = artifact.uri.split("/")[-3]  # <node>/<output key>/<execution>
                damaged[node] = damage
                display.print(f"[yellow]{escape(node)} runs again:[/] {escape(damage)}")
                return None
        return outputs

    cache_utils.get_cached_outputs = get_intact_outputs
    try:
        yield
    finally:
        cache_utils.get_cached_outputs = original
