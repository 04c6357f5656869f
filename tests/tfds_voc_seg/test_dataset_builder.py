"""Other projects can load the dataset with TFDS, from a devkit on disk."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from tests.conftest import CLASSES, IMAGE_SIZE, TRAIN_IMAGES, VAL_IMAGES
from tests.split_lists import move_to_test_split
from tfds_voc_seg.devkit.problems import DevkitError
from tfds_voc_seg.download import VOC2012_ARCHIVE, Archive
from tfds_voc_seg.labels import VOC_CLASSES, VOID
from tfds_voc_seg.record_config import ConversionConfig, RecordConfig
from tfds_voc_seg.records.decoding import parse_record
from tfds_voc_seg.sample.devkit import write_sample_devkit
from tfds_voc_seg.voc_seg_dataset_builder import Builder, VocSegConfig


def config(devkit: Path | None, **settings: Any) -> VocSegConfig:
    return VocSegConfig(**{"image_size": IMAGE_SIZE, "classes": CLASSES, "num_shards": 2, "devkit": devkit, **settings})


@pytest.fixture(scope="module")
def builder(devkit: Path, tmp_path_factory: pytest.TempPathFactory) -> Builder:
    builder: Builder = tfds.builder("voc_seg", data_dir=tmp_path_factory.mktemp("data"), config=config(devkit))
    builder.download_and_prepare()
    return builder


def test_the_named_configs() -> None:
    sizes = {
        name: (c.record.image_size, c.record.classes, c.record.drop_empty)
        for name, c in Builder.builder_configs.items()
    }
    assert sizes == {
        "voc2012_300": (300, VOC_CLASSES[1:], False),
        "voc2012_128": (128, VOC_CLASSES[1:], False),
        "person_dog_300": (300, ("person", "dog"), True),
        "person_dog_128": (128, ("person", "dog"), True),
        "voc2012_original": (None, VOC_CLASSES[1:], False),
        "voc2012_300_boxes": (300, VOC_CLASSES[1:], False),
    }


def test_different_configs_have_different_default_names() -> None:
    settings: list[dict[str, Any]] = [
        {},
        {"image_size": 96},
        {"classes": ("cat", "dog")},
        {"void": "background"},
        {"drop_empty": True},
        {"image_encoding": "jpeg"},
        {"boxes": True},
        {"classes": ("cat", "dog"), "background_classes": True},
        {"seed": 1},
        {"on_bad_pair": "skip"},
    ]
    names = [VocSegConfig(**setting).name for setting in settings]
    assert len(set(names)) == len(names)
    assert VocSegConfig(image_size=96, classes=("cat", "dog")).name == "cat_dog_96"
    assert VocSegConfig(image_size=(96, 64), classes=("cat", "dog")).name == "cat_dog_96x64"
    assert VocSegConfig(image_size=96, resize="pad", classes=("cat", "dog")).name == "cat_dog_96_pad"
    assert VocSegConfig(image_size=96, resize="crop", classes=("cat", "dog")).name == "cat_dog_96_crop"
    assert VocSegConfig(image_size=96, resize="crop", short_side=128, classes=("cat",)).name == "cat_96_crop_128"
    assert not set(names) & set(Builder.builder_configs)  # TFDS raises an error if two configs have the same name
    with pytest.raises(ValueError, match="unknown class 'dgo'"):
        VocSegConfig(classes=("dgo",))
    with pytest.raises(TypeError, match="unexpected keyword argument 'image_sice'"):
        VocSegConfig(image_sice=96)


def test_settings_reach_the_records_and_the_files() -> None:
    config = VocSegConfig("mine", description="A test.", image_size=96, boxes=True, num_shards=7, seed=3)
    assert (config.name, config.description) == ("mine", "A test.")
    assert config.record == RecordConfig(image_size=96, boxes=True)
    assert config.conversion == ConversionConfig(num_shards=7, seed=3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"void": "ignored"}, "void='ignored' is invalid; allowed are 'ignore', 'background'"),
        ({"on_bad_pair": "drop"}, "on_bad_pair='drop' is invalid; allowed are 'fail', 'skip'"),
        ({"image_encoding": "webp"}, "image_encoding='webp' is invalid; allowed are 'png', 'jpeg'"),
        ({"image_size": 0}, "image_size=0 is invalid; allowed are whole numbers, 1 and above"),
        ({"image_size": (96, 64, 3)}, "image_size=(96, 64, 3) is invalid; give one number, or [height, width]"),
        ({"resize": "fit"}, "resize='fit' is invalid; allowed are 'stretch', 'pad', 'crop'"),
        ({"short_side": 400}, "short_side=400 applies only with resize='crop'; remove it"),
        (
            {"image_size": 300, "resize": "crop", "short_side": 299},
            "short_side=299 is invalid; allowed are whole numbers, 300 and above",
        ),
        ({"image_size": None, "resize": "pad"}, "resize='pad' needs an image_size, to which photos are resized"),
        ({"num_shards": 0}, "num_shards=0 is invalid; allowed are whole numbers, 1 and above"),
        ({"seed": -1}, "seed=-1 is invalid; allowed are whole numbers, 0 and above"),
        ({"seed": True}, "seed=True is invalid; allowed are whole numbers, 0 and above"),
        ({"mask_compression_level": 10}, "mask_compression_level=10 is invalid; allowed are whole numbers, 1 to 9"),
        ({"max_bad_fraction": 2}, "max_bad_fraction=2 is invalid; allowed are fractions, 0 to 1"),
    ],
)
def test_an_invalid_setting_is_refused_at_once(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 (the message is compared below)
        VocSegConfig(**settings)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seed": 7}, "was made with seed 0, and this configuration has 7: give it another name, use another data_dir"),
        ({"devkit": Path("other")}, "was made with devkit .*VOC2012, and this configuration has .*other: give it"),
        ({"on_bad_pair": "skip"}, "was made with on_bad_pair fail, and this configuration has skip: give it another"),
        (
            {"void": "background"},
            "was made with record .*'void': 'ignore'.*, and this configuration has .*'background'",
        ),
    ],
)
def test_a_name_stands_for_one_source(settings: dict[str, Any], message: str, own_devkit: Path, tmp_path: Path) -> None:
    made = config(own_devkit, name="mine")
    tfds.builder("voc_seg", data_dir=tmp_path, config=made).download_and_prepare()
    tfds.builder("voc_seg", data_dir=tmp_path, config=made).as_dataset(split="train")
    with pytest.raises(ValueError, match=message):
        tfds.builder("voc_seg", data_dir=tmp_path, config=config(**{"devkit": own_devkit, "name": "mine", **settings}))


def test_another_devkit_is_never_read_from_the_data_of_the_first(
    devkit: Path, own_devkit: Path, tmp_path: Path
) -> None:
    tfds.builder("voc_seg", data_dir=tmp_path, config=config(own_devkit)).download_and_prepare()
    with pytest.raises(ValueError, match=r"was made with devkit .*: give it another name, use another data_dir"):
        tfds.builder("voc_seg", data_dir=tmp_path, config=config(devkit))


def test_tfdss_own_options_are_honoured(builder: Builder, devkit: Path, tmp_path: Path) -> None:
    smaller = tfds.builder("voc_seg", data_dir=tmp_path, config=config(devkit))
    options = tfds.download.DownloadConfig(max_examples_per_split=3, num_shards=3)
    smaller.download_and_prepare(download_config=options)
    assert {name: (split.num_examples, split.num_shards) for name, split in smaller.info.splits.items()} == {
        "train": (3, 3),
        "validation": (3, 3),
    }
    in_order, shuffled = (
        [
            example["filename"]
            for example in tfds.as_numpy(
                builder.as_dataset(split="train", shuffle_files=shuffle, read_config=tfds.ReadConfig(shuffle_seed=3))
            )
        ]
        for shuffle in (False, True)
    )
    assert sorted(shuffled) == sorted(in_order)
    dataset = tfds.load(
        "voc_seg",
        split="train",
        data_dir=builder.data_dir_root if hasattr(builder, "data_dir_root") else None,
        builder_kwargs={"config": config(devkit)},
        shuffle_files=True,
        download=False,
    )
    assert len(list(dataset)) == TRAIN_IMAGES


def test_splits_and_supervised_pairs(builder: Builder, devkit: Path) -> None:
    assert {name: split.num_examples for name, split in builder.info.splits.items()} == {
        "train": TRAIN_IMAGES,
        "validation": VAL_IMAGES,
    }
    assert all(split.num_shards == 2 for split in builder.info.splits.values())
    assert builder.info.features["classes"].feature.names == ["background", *CLASSES]
    for image, mask in builder.as_dataset(split="train", as_supervised=True):
        assert (image.shape, image.dtype) == ((IMAGE_SIZE, IMAGE_SIZE, 3), tf.uint8)
        assert (mask.shape, mask.dtype) == ((IMAGE_SIZE, IMAGE_SIZE, len(CLASSES) + 1), tf.uint8)
    names = [example["filename"].decode() for example in tfds.as_numpy(builder.as_dataset(split="validation"))]
    assert sorted(names) == sorted((devkit / "ImageSets/Segmentation/val.txt").read_text().split())
    assert len(list(builder.as_dataset(split="train[:50%]"))) == TRAIN_IMAGES // 2


def test_a_test_list_with_masks_is_a_split(own_devkit: Path, tmp_path: Path) -> None:
    moved = move_to_test_split(own_devkit, 2)
    builder = tfds.builder("voc_seg", data_dir=tmp_path, config=config(own_devkit))
    builder.download_and_prepare()
    assert {name: split.num_examples for name, split in builder.info.splits.items()} == {
        "train": 2,
        "validation": 2,
        "test": 2,
    }
    names = [example["filename"].decode() for example in tfds.as_numpy(builder.as_dataset(split="test"))]
    assert sorted(names) == sorted(moved)


def test_tfds_reads_prepared_data_without_the_builder(builder: Builder) -> None:
    read_only = tfds.builder_from_directory(builder.data_dir)
    for ours, theirs in zip(
        tfds.as_numpy(builder.as_dataset(split="validation")),
        tfds.as_numpy(read_only.as_dataset(split="validation")),
        strict=True,
    ):
        for feature in ours:
            np.testing.assert_array_equal(ours[feature], theirs[feature])


def test_the_builder_and_voc_example_gen_write_the_same_bytes(builder: Builder, examples: Any) -> None:
    from components.artifacts.records import read_records

    files = read_records(examples).files
    for tfx_split, tfds_split in (("train", "train"), ("val", "validation")):
        shards = sorted(Path(builder.data_dir).glob(f"voc_seg-{tfds_split}.tfrecord-*"))
        assert [path.read_bytes() for path in shards] == [Path(path).read_bytes() for path in files[tfx_split]]


def test_the_faster_decoder_returns_the_same_tensors(builder: Builder) -> None:
    records = sorted(str(path) for path in Path(builder.data_dir).glob("voc_seg-train.tfrecord-*"))
    decoded = [parse_record(record, IMAGE_SIZE, len(CLASSES) + 1) for record in tf.data.TFRecordDataset(records)]
    by_tfds = builder.as_dataset(split="train", as_supervised=True, shuffle_files=False)
    for (image, mask), (tfds_image, tfds_mask) in zip(decoded, by_tfds, strict=True):
        np.testing.assert_array_equal(image, tfds_image)
        np.testing.assert_array_equal(mask, tfds_mask)


def test_images_keep_their_original_size(devkit: Path, tmp_path: Path) -> None:
    builder = tfds.builder("voc_seg", data_dir=tmp_path, config=config(devkit, image_size=None))
    builder.download_and_prepare()
    for example in tfds.as_numpy(builder.as_dataset(split="validation")):
        name = example["filename"].decode()
        with (
            Image.open(devkit / f"JPEGImages/{name}.jpg") as photo,
            Image.open(devkit / f"SegmentationClass/{name}.png") as mask,
        ):
            assert example["image"].shape == (photo.height, photo.width, 3)
            ids = np.array(mask)
        assert example["segmentation_mask"].shape == (*ids.shape, len(CLASSES) + 1)
        np.testing.assert_array_equal(example["segmentation_mask"].max(axis=-1) == 0, ids == VOID)
        car = example["segmentation_mask"][..., 1 + CLASSES.index("car")]
        np.testing.assert_array_equal(car == 1, ids == VOC_CLASSES.index("car"))


def test_train_aug_contains_no_validation_images(own_devkit: Path, tmp_path: Path) -> None:
    shutil.copytree(own_devkit / "SegmentationClass", own_devkit / "SegmentationClassAug")
    lists = own_devkit / "ImageSets/Segmentation"
    train, val = ((lists / f"{split}.txt").read_text().split() for split in ("train", "val"))
    (lists / "train_aug.txt").write_text("\n".join([*train, val[0]]))
    builder = tfds.builder("voc_seg", data_dir=tmp_path / "data", config=config(own_devkit))
    builder.download_and_prepare()
    names = [example["filename"].decode() for example in tfds.as_numpy(builder.as_dataset(split="train_aug"))]
    assert sorted(names) == sorted(train)


def test_random_access(devkit: Path, tmp_path: Path, builder: Builder) -> None:
    random_access = tfds.builder("voc_seg", data_dir=tmp_path, config=config(devkit), file_format="array_record")
    random_access.download_and_prepare()
    source = random_access.as_data_source(split="train")
    assert len(source) == TRAIN_IMAGES
    by_name = {e["filename"]: e for e in tfds.as_numpy(builder.as_dataset(split="train"))}
    example = source[3]
    np.testing.assert_array_equal(example["image"], by_name[example["filename"]]["image"])
    np.testing.assert_array_equal(example["segmentation_mask"], by_name[example["filename"]]["segmentation_mask"])
    assert not any(tf.is_tensor(value) for value in example.values())


def test_a_devkit_in_manual_dir(devkit: Path, tmp_path: Path) -> None:
    builder = tfds.builder("voc_seg", data_dir=tmp_path / "data", config=config(None))
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=devkit.parent))
    assert builder.info.splits["train"].num_examples == TRAIN_IMAGES


def test_a_bad_pair_leaves_no_dataset(own_devkit: Path, tmp_path: Path) -> None:
    next(iter((own_devkit / "SegmentationClass").iterdir())).write_bytes(b"no mask")
    builder = tfds.builder("voc_seg", data_dir=tmp_path / "data", config=config(own_devkit))
    with pytest.raises(DevkitError, match="cannot be read as a mask"):
        builder.download_and_prepare()
    assert not Path(builder.data_dir).exists()
    skipping = config(own_devkit, on_bad_pair="skip", max_bad_fraction=0.5)
    builder = tfds.builder("voc_seg", data_dir=tmp_path / "data", config=skipping)
    builder.download_and_prepare()
    assert sum(split.num_examples for split in builder.info.splits.values()) == 5
    assert (Path(builder.data_dir) / "rejects.jsonl").read_text().count("\n") == 1


@pytest.mark.slow
def test_a_killed_conversion_leaves_no_dataset(tmp_path: Path) -> None:
    devkit = tmp_path / "VOC2012"
    write_sample_devkit(devkit, train_images=120, val_images=2)
    program = (
        "import tensorflow_datasets as tfds, tfds_voc_seg\n"
        "from tfds_voc_seg.voc_seg_dataset_builder import VocSegConfig\n"
        f"config = VocSegConfig(image_size=300, num_shards=2, devkit={str(devkit)!r})\n"
        f"tfds.builder('voc_seg', data_dir={str(tmp_path / 'data')!r}, config=config).download_and_prepare()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not list((tmp_path / "data").rglob("*.progress")):
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -signal.SIGKILL  # it was killed while it wrote a shard
    same = VocSegConfig(image_size=300, num_shards=2, devkit=devkit)
    builder = tfds.builder("voc_seg", data_dir=tmp_path / "data", config=same)
    assert not Path(builder.data_dir).exists()
    builder.download_and_prepare()
    assert builder.info.splits["train"].num_examples == 120


def test_show_examples_draws_photo_and_overlay(builder: Builder) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    dataset = builder.as_dataset(split="validation")
    figure = tfds.visualization.show_examples(dataset, builder.info, rows=1, cols=3)
    shown = [axes.get_images()[0].get_array() for axes in figure.axes]
    assert len(shown) == 3
    for picture, example in zip(shown, tfds.as_numpy(dataset), strict=False):
        assert picture.shape[1] >= 2 * example["image"].shape[1]  # photo and overlay


def test_as_dataframe(builder: Builder) -> None:
    frame = tfds.as_dataframe(builder.as_dataset(split="validation").take(2), builder.info)
    assert len(frame) == 2
    assert {"image", "segmentation_mask", "classes", "filename"} <= set(frame.columns)


@pytest.mark.slow
def test_tfds_build(devkit: Path, tmp_path: Path) -> None:
    command: list[str | Path] = [
        Path(sys.executable).with_name("tfds"),
        "build",
        "voc_seg",
        "--imports",
        "tfds_voc_seg",
    ]
    command += ["--config", "voc2012_128", "--data_dir", tmp_path, "--manual_dir", devkit.parent]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    built = tfds.builder_from_directory(tmp_path / "voc_seg/voc2012_128/1.0.0")
    assert built.info.splits["train"].num_examples == TRAIN_IMAGES


@pytest.mark.parametrize("order", ["tfds_voc_seg, tensorflow_datasets", "tensorflow_datasets, tfds_voc_seg"])
def test_importing_the_package_registers_the_dataset_without_tensorflow(order: str) -> None:
    program = (
        f"import sys, {order}\n"
        "import tensorflow_datasets as tfds\n"
        "assert not {'tensorflow', 'apache_beam'} & set(sys.modules)\n"
        "print(tfds.builder_cls('voc_seg').__module__)\n"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert finished.stdout.strip() == "tfds_voc_seg.voc_seg_dataset_builder", finished.stderr


def test_importing_the_package_does_not_import_tfds() -> None:
    program = "import sys, tfds_voc_seg.storage\nassert 'tensorflow_datasets' not in sys.modules"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


def test_citation_and_licence_exist() -> None:
    metadata = Builder.get_metadata()
    assert "pascal-voc-2012" in metadata.citation
    assert "Flickr" in metadata.description
    ((url, info),) = Builder.url_infos.items()  # from `checksums.tsv`
    assert Archive(url, info.size, info.checksum) == VOC2012_ARCHIVE
