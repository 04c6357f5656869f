from __future__ import annotations

import re

from docs_generator.presets_page import presets_page
from pipeline.config.loading import preset_names


def test_a_section_has_the_command_the_comment_and_the_settings() -> None:
    page = presets_page()
    assert [line[3:] for line in page.splitlines() if line.startswith("## ")] == preset_names()
    demo = page.partition("## demo\n")[2].partition("\n## ")[0]
    assert demo.startswith("\n```bash\nvocseg run\n```\n\nThe whole pipeline on the embedded sample")
    assert "\n```yaml\nname: demo\n" in demo
    assert "\n\n    --set candidates.fcn8.options.weights=" in page.partition("## person_dog_fcn8\n")[2]


def test_consecutive_lines_of_options_are_one_code_block() -> None:
    section = presets_page().partition("## person_dog_fcn8\n")[2].partition("```yaml")[0]
    blocks = re.findall(r"\n\n((?:    --set .*\n)+)\n", section)
    assert [block.count("\n") for block in blocks] == [1, 2], section
