"""A run's candidates, each trained several times from another seed."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.config.schema import RunConfig

_SEED_MARK = "_seed"


def with_seeds(config: RunConfig, seeds: Sequence[int]) -> RunConfig:
    """Makes one candidate for each candidate and seed.

    Args:
        config: the run.
        seeds: of initialisation, dropout, shuffling and augmentation; each once.
    """
    candidates = {
        seeded(name, seed): candidate.model_copy(
            update={"training": candidate.training.model_copy(update={"seed": seed})}
        )
        for name, candidate in config.candidates.items()
        for seed in seeds
    }
    return config.model_copy(update={"candidates": candidates})


def seeded(candidate: str, seed: int) -> str:
    """The name of a candidate that is trained from a seed."""
    return f"{candidate}{_SEED_MARK}{seed}"
