"""Messages of errors of libraries, as one line."""

from __future__ import annotations

import re

_GRAPH_LOCATION = re.compile(
    r"Graph execution error:\s+Detected at node.*?<stack traces unavailable>|\[\[.*?\]\]|\{\{.*?\}\}|\[Op:.*", re.DOTALL
)
"""Parts of TensorFlow's messages that name an operation in a graph."""


def message_of_library(error: BaseException, longest: int = 200) -> str:
    """Returns the message of an error of TensorFlow, of a decoder or of the system as one line.

    The places in graphs that TensorFlow names are left out.
    """
    return " ".join(_GRAPH_LOCATION.sub("", str(error)).split())[:longest]
