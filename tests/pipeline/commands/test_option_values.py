"""What the commands say about numbers that they do not allow: the option, what is allowed, and what was given."""

from __future__ import annotations

import pytest

from pipeline import cli
from pipeline.commands.terminal import EXIT_USAGE

COUNT = "must be a whole number of at least 1"
PORT = "must be a whole number from 0 to 65535"
SHARE = "must be a number from 0 to 1"
UPLOAD = "must be a number above 0 and at most 1024"
SECONDS = "must be a number above 0 and at most 3600"
BATCH = "must be a whole number of at least 1, or any"
SEEDS = "must be different numbers of 0 or more, such as 0,1,2"


@pytest.mark.parametrize(
    ("command", "option", "values", "allowed"),
    [
        ("demo model", "--port", ("-1", "65536", "http"), PORT),
        ("demo model", "--max-upload-mb", ("0", "1025", "nan", "20MB"), UPLOAD),
        ("demo model", "--memory-mb", ("0", "1.5"), COUNT),
        ("benchmark model", "--seconds", ("0", "3601", "inf", "1s"), SECONDS),
        ("predict model photo.jpg --output out", "--alpha", ("-0.1", "1.1", "nan", "50%"), SHARE),
        ("predict model photo.jpg --output out", "--batch", ("0", "four"), COUNT),
        ("export model --target onnx --output out", "--batch", ("0", "all"), BATCH),
        ("experiment transfer", "--seeds", ("0,0", "-1", "0,", "one"), SEEDS),
    ],
)
def test_a_number_that_is_not_allowed_is_refused_in_a_sentence(
    command: str, option: str, values: tuple[str, ...], allowed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for value in values:
        with pytest.raises(SystemExit) as stopped:
            cli.main([*command.split(), f"{option}={value}"])
        assert stopped.value.code == EXIT_USAGE
        last = capsys.readouterr().err.splitlines()[-1]
        assert last.endswith(f"error: argument {option}: {allowed}, not {value!r}")


@pytest.mark.parametrize("value", ["0", "30x", "1x2x3", "wide"])
def test_an_invalid_image_size_is_refused_in_a_sentence(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["data", "show", "VOC2012", "--output", "out", "--image-size", value])
    assert stopped.value.code == EXIT_USAGE
    assert capsys.readouterr().err.endswith(f"--image-size: {value!r} is not a size such as 300 or 200x320\n")
