from __future__ import annotations

from docs_generator.markdown import block, table, without_marks


def test_cells_are_escaped_outside_of_code() -> None:
    assert table(("a", "b"), [("`x|<y>`", "p|<q>\nr")]) == "| a | b |\n| --- | --- |\n| `x|<y>` | p\\|&lt;q> r |\n"


def test_the_fence_is_longer_than_those_in_the_text() -> None:
    assert block("```\nx\n```\n", "text") == "````text\n```\nx\n```\n````\n"


def test_marks_for_tests_are_removed() -> None:
    page = 'a skip="b"\n    ```bash skip="needs a cluster"\nskip="c"\n```\n'
    assert without_marks(page) == 'a skip="b"\n    ```bash\nskip="c"\n```\n'
