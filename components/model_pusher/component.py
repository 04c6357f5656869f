"""The specification of Pusher: TFX's own, with our executor."""

from __future__ import annotations

from tfx import components as tfx_components
from tfx import types
from tfx.dsl.components.base import executor_spec
from tfx.proto import pusher_pb2

from components.model_pusher import executor


class Pusher(tfx_components.Pusher):
    """Publishes the blessed model as a version that is complete or absent at every instant."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        model_blessing: types.BaseChannel,
        serving_folder: str,
        *,
        keep_versions: int | None = None,
    ):
        """Makes the component.

        Args:
            model: Model to publish.
            model_blessing: ModelBlessing, without which nothing is published.
            serving_folder: the folder of versions that TensorFlow Serving polls.
            keep_versions: how many versions stay, the newest ones; `None` keeps all.
        """
        super().__init__(
            model=model,
            model_blessing=model_blessing,
            push_destination=pusher_pb2.PushDestination(
                filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=serving_folder)
            ),
            custom_config={executor.KEEP_VERSIONS_KEY: keep_versions},
        )
