"""Repeats the candidates of a run with several seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.config.schema import RunConfig


def with_seeds(config: RunConfig, seeds: Sequence[int]) -> RunConfig:
    """Returns a run with one candidate per candidate and seed, named by `seeded_name`.

    Args:
        config: the run.
        seeds: seeds of initialisation, dropout, shuffling and augmentation, without repetition.
    """
    candidates = {
        seeded_name(name, seed): candidate.model_copy(
            update={"training": candidate.training.model_copy(update={"seed": seed})}
        )
        for name, candidate in config.candidates.items()
        for seed in seeds
    }
    return config.model_copy(update={"candidates": candidates})


def seeded_name(candidate: str, seed: int) -> str:
    """Returns the name of a candidate that is trained with a seed."""
    return f"{candidate}_seed{seed}"
