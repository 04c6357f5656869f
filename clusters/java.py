"""How the Java processes of a cluster are started."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_LANGUAGE = ("java.lang", "java.lang.invoke", "java.lang.reflect", "java.net", "java.io", "java.nio", "java.text")
_OTHERS = (
    "java.time",
    "java.util",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "java.util.concurrent.locks",
)
_INTERNAL = ("sun.nio.ch", "sun.nio.cs", "sun.net.util", "sun.security.action", "sun.util.calendar")

OPENED = tuple(f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in (*_LANGUAGE, *_OTHERS, *_INTERNAL))
"""Options that let Flink and Spark use the inside of Java's packages, as their own start scripts do since Java 17."""


SMALL = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Options for processes that start soon and need little: the work of a job is done in Python."""


def java(
    memory: str, options: Sequence[str] = (), *, jar: Path | None = None, libraries: Sequence[str | Path] = ()
) -> list[str]:
    """Returns the beginning of a command.

    Args:
        memory: the largest heap, as `384m`.
        options: further options of Java.
        jar: the program; its arguments follow.
        libraries: instead of it, jar files, or `FOLDER/*` for all of a folder; a class and its arguments follow.
    """
    program = ["-jar", str(jar)] if jar else ["-cp", ":".join(map(str, libraries))]
    return ["java", *OPENED, *SMALL, f"-Xmx{memory}", *options, *program]
