from __future__ import annotations

import json
from pathlib import Path

import hypothesis.strategies as st
import pytest
import tensorflow as tf
from hypothesis import given

from tests.tfds_voc_seg.conversion.conversion_job import BEAM_ARGS, Job, shard_template
from tfds_voc_seg.conversion.progress import count_converted_pairs
from tfds_voc_seg.conversion.shards import plan_shards
from tfds_voc_seg.conversion.write_shards import ConversionError
from tfds_voc_seg.devkit.folders import Pair
from tfds_voc_seg.devkit.problems import DevkitError
from tfds_voc_seg.devkit.splits import read_splits
from tfds_voc_seg.record_config import ConversionConfig
from tfds_voc_seg.records.encoding import PairEncoder
from tfds_voc_seg.records.files import REJECTS_FILE


@given(count=st.integers(1, 60), num_shards=st.integers(1, 80), seed=st.integers(0, 99))
def test_every_pair_is_in_exactly_one_shard(count: int, num_shards: int, seed: int) -> None:
    pairs = [Pair(str(index), "photo", "mask") for index in range(count)]
    config = ConversionConfig(num_shards, seed)
    shards = plan_shards(pairs, shard_template(Path("folder"), "train"), config)
    assert len(shards) == min(num_shards, count)
    assert sorted((pair for shard in shards for pair in shard.pairs), key=pairs.index) == pairs
    assert max(len(shard.pairs) for shard in shards) - min(len(shard.pairs) for shard in shards) <= 1
    assert shards == plan_shards(pairs, shard_template(Path("folder"), "train"), config)


def test_the_records_are_in_the_planned_order(devkit: Path, tmp_path: Path) -> None:
    job = Job(devkit, tmp_path / "out", num_shards=3)
    reports = job.finish()
    for split, report in reports.items():
        planned = [pair.image_id for shard in job.shards[split] for pair in shard.pairs]
        assert job.names(split) == planned
        assert report.shard_lengths == tuple(len(shard.pairs) for shard in job.shards[split])
        assert (report.rejected, report.dropped) == ((), 0)
        files = [Path(shard.path) for shard in job.shards[split]]
        assert report.num_bytes == sum(file.stat().st_size for file in files) - 16 * len(
            planned
        )  # TFRecord adds 16 bytes per record
    assert sorted(path.name for path in job.folder.iterdir()) == [
        f"voc_seg-{split}.tfrecord-{index:05d}-of-00003" for split in ("train", "val") for index in range(3)
    ]


def test_the_same_seed_writes_the_same_bytes(devkit: Path, tmp_path: Path) -> None:
    contents = []
    for name, seed in (("first", 0), ("second", 0), ("other", 1)):
        job = Job(devkit, tmp_path / name, num_shards=2, seed=seed)
        contents.append([Path(shard.path).read_bytes() for shard in job.shards["train"]])
    assert contents[0] == contents[1] != contents[2]


def _damage_two_pairs(devkit: Path) -> tuple[str, str]:
    """Deletes the photo of one of the four train images and damages the mask of another; returns their ids."""
    pairs = read_splits(devkit)["train"].pairs
    Path(pairs[0].photo).unlink()
    Path(pairs[1].mask).write_bytes(b"no mask")
    return pairs[0].image_id, pairs[1].image_id


def test_bad_pairs_fail_the_conversion_with_a_list_of_all(own_devkit: Path, tmp_path: Path) -> None:
    bad = _damage_two_pairs(own_devkit)
    job = Job(own_devkit, tmp_path / "out")
    with pytest.raises(DevkitError, match=r"2 problem\(s\) with the devkit's pairs; fix them") as caught:
        job.finish()
    assert {problem.image_id for problem in caught.value.problems} == set(bad)
    rejects = [json.loads(line) for line in (job.folder / REJECTS_FILE).read_text().splitlines()]
    assert {(reject["split"], reject["image_id"]) for reject in rejects} == {("train", image_id) for image_id in bad}
    assert all(set(reject) == {"split", "image_id", "file", "what", "advice"} for reject in rejects)


def test_bad_pairs_can_be_skipped(own_devkit: Path, tmp_path: Path) -> None:
    bad = _damage_two_pairs(own_devkit)
    job = Job(own_devkit, tmp_path / "out", on_bad_pair="skip", max_bad_fraction=0.5)
    report = job.finish()["train"]
    listed = (own_devkit / "ImageSets/Segmentation/train.txt").read_text().split()
    assert sorted(job.names("train")) == sorted(set(listed) - set(bad))
    assert {problem.image_id for problem in report.rejected} == set(bad)
    assert sum(report.shard_lengths) == 2


def test_too_many_bad_pairs_fail_the_conversion(own_devkit: Path, tmp_path: Path) -> None:
    _damage_two_pairs(own_devkit)
    job = Job(own_devkit, tmp_path / "out", on_bad_pair="skip", max_bad_fraction=0.4)
    with pytest.raises(DevkitError, match=r"2 of 4 images of split 'train' are bad, more than max_bad_fraction 0\.4"):
        job.finish()


def test_a_missing_or_short_file_fails_the_conversion(devkit: Path, tmp_path: Path) -> None:
    job = Job(devkit, tmp_path / "out", num_shards=2)
    first = Path(job.shards["train"][0].path)
    with tf.io.TFRecordWriter(str(first)) as writer:
        writer.write(b"only one")
    with pytest.raises(ConversionError, match=r"00000-of-00002 contains 1 records instead of 5"):
        job.finish()
    first.unlink()
    with pytest.raises(ConversionError, match="was not written"):
        job.finish()


def test_progress_counts_finished_and_unfinished_shards(devkit: Path, tmp_path: Path) -> None:
    config = ConversionConfig(num_shards=2)
    shards = plan_shards(read_splits(devkit)["train"].pairs, shard_template(tmp_path, "train"), config)
    assert count_converted_pairs(shards) == 0
    shards[0].progress_file.write_text("3")
    Path(shards[1].path).touch()
    assert count_converted_pairs(shards) == 3 + len(shards[1].pairs)


def test_multi_threading_is_rejected(devkit: Path, tmp_path: Path) -> None:
    threads = (*BEAM_ARGS, "--direct_running_mode=multi_threading", "--direct_num_workers=2")
    with pytest.raises(ConversionError, match="multi_threading silently loses records; use multi_proc"):
        Job(devkit, tmp_path / "out", beam_args=threads)


def test_two_workers_that_write_the_same_shards_at_once_write_the_same_bytes(
    devkit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine starts a shard again if it has lost a worker, which may still be alive and write on."""
    expected = Job(devkit, tmp_path / "undisturbed", num_shards=3)
    others: list[Job] = []

    class InterruptedEncoder(PairEncoder):
        def __call__(self, pair: Pair) -> bytes | None:
            if not others:
                monkeypatch.undo()
                others.append(Job(devkit, tmp_path / "out", num_shards=3))
            return super().__call__(pair)

    monkeypatch.setattr("tfds_voc_seg.conversion.write_shards.PairEncoder", InterruptedEncoder)
    job = Job(devkit, tmp_path / "out", num_shards=3)
    (job.folder / f".{Path(job.shards['val'][0].path).name}.killed.incomplete").touch()
    assert others
    assert (job.finish(), job.files()) == (expected.finish(), expected.files())
    assert len(list(job.folder.iterdir())) == len(job.files())
