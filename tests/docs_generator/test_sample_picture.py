from __future__ import annotations

from PIL import Image

from docs_generator.sample_picture import GAP, LABEL_WIDTH, SIDE, montage


def test_rows_of_pictures_of_any_size() -> None:
    red, blue = Image.new("RGB", (10, 10), "red"), Image.new("RGB", (300, 200), "blue")
    picture = montage({"one": [red, blue], "two": [blue, red]})
    assert picture.size == (LABEL_WIDTH + 2 * (SIDE + GAP), 2 * (SIDE + GAP))
    x, y = LABEL_WIDTH + SIDE // 2, SIDE // 2
    assert [picture.getpixel((x, y)), picture.getpixel((x, y + SIDE + GAP))] == [(255, 0, 0), (0, 0, 255)]
    assert picture.getpixel((LABEL_WIDTH + SIDE + GAP // 2, y)) == (255, 255, 255)
