from __future__ import annotations

from pathlib import Path

import apache_beam as beam
import hypothesis.strategies as st
import pytest
import tensorflow as tf
from hypothesis import given

from tfds_voc_seg import conversion
from tfds_voc_seg.devkit import DevkitError, Pair, read_split
from tfds_voc_seg.encoding import record_features
from tfds_voc_seg.record_config import RecordConfig

CONFIG = RecordConfig(32, ("car", "person"))
BEAM_ARGS = ["--runner=DirectRunner", "--allow_unsafe_triggers"]


def convert(pairs: list[Pair], folder: Path, num_shards: int, seed: int = 0) -> list[conversion.Shard]:
    shards = conversion.plan_shards(pairs, folder, "voc_seg-train", num_shards, seed)
    with beam.Pipeline(argv=BEAM_ARGS) as pipeline:
        _ = pipeline | conversion.WriteShards(shards, CONFIG)
    return shards


@given(count=st.integers(1, 60), num_shards=st.integers(1, 80), seed=st.integers(0, 99))
def test_every_pair_is_in_exactly_one_shard(count: int, num_shards: int, seed: int) -> None:
    pairs = [Pair(str(index), "photo", "mask") for index in range(count)]
    shards = conversion.plan_shards(pairs, "folder", "name", num_shards, seed)
    assert len(shards) == min(num_shards, count)
    assert sorted((pair for shard in shards for pair in shard.pairs), key=pairs.index) == pairs
    assert max(len(shard.pairs) for shard in shards) - min(len(shard.pairs) for shard in shards) <= 1
    assert shards == conversion.plan_shards(pairs, "folder", "name", num_shards, seed)


def test_the_records_are_the_pairs_in_the_planned_order(devkit: Path, tmp_path: Path) -> None:
    pairs = read_split(devkit, "train")
    shards = convert(pairs, tmp_path, num_shards=3)
    assert conversion.verify_shards(shards) == len(pairs)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"voc_seg-train.tfrecord-{index:05d}-of-00003" for index in range(3)
    ]
    features = record_features(CONFIG)
    for shard in shards:
        records = tf.data.TFRecordDataset(shard.path).map(features.deserialize_example)
        assert [record["filename"].numpy().decode() for record in records] == [pair.image_id for pair in shard.pairs]


def test_the_same_seed_writes_the_same_bytes(devkit: Path, tmp_path: Path) -> None:
    pairs = read_split(devkit, "train")
    contents = []
    for name, seed in (("first", 0), ("second", 0), ("other", 1)):
        (tmp_path / name).mkdir()
        shards = convert(pairs, tmp_path / name, num_shards=2, seed=seed)
        contents.append([Path(shard.path).read_bytes() for shard in shards])
    assert contents[0] == contents[1] != contents[2]


def test_a_bad_pair_leaves_no_shard_that_looks_whole(own_devkit: Path, tmp_path: Path) -> None:
    pairs = read_split(own_devkit, "train")
    Path(pairs[2].photo).write_bytes(b"no photo")
    output = tmp_path / "output"
    output.mkdir()
    with pytest.raises(DevkitError, match=f"{pairs[2].photo} can't be decoded"):
        convert(pairs, output, num_shards=1)
    assert not list(output.glob("*-of-00001"))


def test_a_missing_or_short_file_fails_the_job(devkit: Path, tmp_path: Path) -> None:
    shards = convert(read_split(devkit, "train"), tmp_path, num_shards=2)
    with tf.io.TFRecordWriter(shards[0].path) as writer:
        writer.write(b"only one")
    with pytest.raises(conversion.ConversionError, match=r"00000-of-00002 holds 1 records instead of 5"):
        conversion.verify_shards(shards)
    Path(shards[0].path).unlink()
    with pytest.raises(conversion.ConversionError, match="was not written"):
        conversion.verify_shards(shards)


def test_progress_counts_finished_and_unfinished_shards(devkit: Path, tmp_path: Path) -> None:
    shards = conversion.plan_shards(read_split(devkit, "train"), tmp_path, "voc_seg-train", 2, seed=0)
    assert conversion.pairs_written(shards) == 0
    shards[0].progress_path.write_text("3")
    Path(shards[1].path).touch()
    assert conversion.pairs_written(shards) == 3 + len(shards[1].pairs)
