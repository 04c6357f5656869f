from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import blocks_of
from tests.docs.shell import PageRunError, missing_lines, run_blocks

if TYPE_CHECKING:
    from pathlib import Path

PAGE = """
```python
# count.py
print("found", 12.5, "of 3")
```

```bash
python count.py
```

```text
found 7 of 9
…
```

```bash skip="would fail"
exit 3
```

```yaml
only: an excerpt
```
"""


def test_blocks_run_in_order(tmp_path: Path) -> None:
    run_blocks(blocks_of("page.md", PAGE), tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["count.py"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (PAGE.replace("found 7", "lost 7"), r"page.md:11: not printed: \['lost 7 of 9'\]"),
        (PAGE.replace("python count.py", "python nothing.py"), "page.md:7: exit status 2"),
        (PAGE.replace(' skip="would fail"', ""), "page.md:16: exit status 3"),
        (PAGE.replace("python count.py", "false | cat"), "page.md:7: exit status 1"),
    ],
)
def test_a_wrong_page_is_found(changed: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(PageRunError, match=message):
        run_blocks(blocks_of("page.md", changed), tmp_path)


def test_numbers_and_spaces_may_differ() -> None:
    assert missing_lines("mIoU  0.71 │ 1,234\n", "x\nmIoU 0.9 │ 7\n") == []
    assert missing_lines("…/devkit: 7 (good)\n\n…", "a/b/devkit: 8 (good)\n") == []
    assert missing_lines("mIoU 0.71\n", "IoU 0.71\n") == ["mIoU 0.71"]
