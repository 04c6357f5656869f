"""A console of rich that prints no control characters of the texts it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console

from tfds_voc_seg.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import ConsoleOptions, RenderableType
    from rich.segment import Segment
    from rich.text import Text


class PrintableConsole(Console):
    """Prints names of files and texts of servers safely; colours and bars of rich itself are kept."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Turns a text with markup into one with styles, before rich measures its width."""
        return super().render_str(printable(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Renders an object; rich calls it for everything that it prints."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))
