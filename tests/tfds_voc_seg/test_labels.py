from tfds_voc_seg.labels import VOC_CLASSES, voc_palette


def test_classes_are_those_of_voc_in_order() -> None:
    assert len(VOC_CLASSES) == 21
    assert [VOC_CLASSES[index] for index in (0, 1, 12, 15, 20)] == [
        "background",
        "aeroplane",
        "dog",
        "person",
        "tvmonitor",
    ]


def test_palette_is_that_of_voc() -> None:
    palette = voc_palette()
    colours = {index: tuple(palette[3 * index : 3 * index + 3]) for index in range(256)}
    # The colours that the development kit documents.
    assert colours[0] == (0, 0, 0)
    assert colours[1] == (128, 0, 0)
    assert colours[15] == (192, 128, 128)
    assert colours[20] == (0, 64, 128)
    assert colours[255] == (224, 224, 192)
    assert len(set(colours.values())) == 256
