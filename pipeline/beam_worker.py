"""The command `vocseg-beam-worker`, which runs the Python code of a Beam job on a host of Flink or Spark.

The engine starts it, as Beam's options tell it:

    --environment_type=PROCESS --environment_config={"command": "/opt/voc-seg/.venv/bin/vocseg-beam-worker"}

It follows the contract of Beam's containers, as the program `boot` of Beam's images does, but in the environment that
it is installed in: it installs nothing. Beam's own worker pools can start it too (`--container_executable`); without
it, their workers know none of the job's options, so that they do not import the modules of `--beam_plugin`.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from components.allocator import configure_allocators, loading_libraries, with_frames_in_one_chunk

if TYPE_CHECKING:
    from collections.abc import Sequence


@with_frames_in_one_chunk
def main(arguments: Sequence[str] | None = None) -> None:
    """Asks the engine for the options of the job and its addresses, and then works for it until it ends.

    Args:
        arguments: what the engine passes; `sys.argv` by default. Only the worker's id and the address of the
            provision service are read, since this service knows everything else.
    """
    parser = argparse.ArgumentParser(prog="vocseg-beam-worker", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--id", required=True, help="the id that the engine gave this worker")
    parser.add_argument("--provision_endpoint", required=True, help="the address of the engine's provision service")
    options, _ = parser.parse_known_args(arguments)
    configure_allocators()
    # A worker pool never reads what its workers print: a full pipe would block them.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    with loading_libraries():
        import tensorflow  # noqa: F401  (each job of the project needs it, and would import it while it runs)
        from apache_beam.runners.worker import sdk_worker_main

    os.environ.update(_worker_environment(options.id, _provision(options.id, options.provision_endpoint)))
    sdk_worker_main.main([])


def _provision(worker_id: str, address: str) -> Any:
    """Returns what the engine's provision service tells this worker, a `ProvisionInfo`."""
    import grpc
    from apache_beam.portability.api import beam_provision_api_pb2, beam_provision_api_pb2_grpc

    with grpc.insecure_channel(address) as channel:
        service = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
        request = beam_provision_api_pb2.GetProvisionInfoRequest()
        return service.GetProvisionInfo(request, metadata=[("worker_id", worker_id)]).info


def _worker_environment(worker_id: str, provision: Any) -> dict[str, str]:
    """Returns the environment variables that Beam's worker reads."""
    from google.protobuf import json_format

    services = {
        "LOGGING_API_SERVICE_DESCRIPTOR": provision.logging_endpoint,
        "CONTROL_API_SERVICE_DESCRIPTOR": provision.control_endpoint,
        "STATUS_API_SERVICE_DESCRIPTOR": provision.status_endpoint,
    }
    return {
        "WORKER_ID": worker_id,
        "PIPELINE_OPTIONS": json_format.MessageToJson(provision.pipeline_options),
        "RUNNER_CAPABILITIES": " ".join(provision.runner_capabilities),
        **{name: str(service) for name, service in services.items() if service.url},
    }


if __name__ == "__main__":
    main()
