from __future__ import annotations

import pytest

from docs_generator.site_paths import rewrite_links


@pytest.mark.parametrize(
    ("source", "link", "in_the_site"),
    [
        ("README.md", "docs/data.md#limits", "data.md#limits"),
        ("README.md", "docs/run.svg", "run.svg"),
        ("README.md", "pipeline/presets", "reference/presets.md"),
        ("docs/data.md", "../SECURITY.md", "security.md"),
        ("docs/data.md", "serving.md#limits", "serving.md#limits"),
        ("docs/configuration.md", "../components/training/config.py", "reference/settings.md#training"),
        ("docs/kubeflow.md", "../pipeline/kubeflow/node/run.py", "source/pipeline/kubeflow/node/run.py.md"),
        ("docs/kubeflow.md", "../kubeflow/README.md", "kubeflow_guide.md"),
        ("tfds_voc_seg/README.md", "record_config.py", "reference/settings.md#data"),
        ("README.md", "https://example.org/a.md", "https://example.org/a.md"),
        ("README.md", "#results", "#results"),
    ],
)
def test_links_lead_to_the_site(source: str, link: str, in_the_site: str) -> None:
    assert rewrite_links(f"a [page]({link}) here", source) == f"a [page]({in_the_site}) here"


def test_code_stays_as_it_is_and_targets_are_reported() -> None:
    targets: list[str] = []
    text = '`[a](b.md)`\n```python\nx[0](y.md)\n```\n<img src="../docs/run.svg"> [b](../LICENSE)'
    rewritten = rewrite_links(text, "docs/data.md", targets.append)
    assert rewritten == text.replace("../docs/run.svg", "run.svg").replace("../LICENSE", "source/LICENSE.md")
    assert targets == ["docs/run.svg", "LICENSE"]
