"""The worker process of Flink and Spark learns from the engine what a process of Beam's images learns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from apache_beam.portability.api import beam_provision_api_pb2 as provision_api
from apache_beam.portability.api import beam_provision_api_pb2_grpc as provision_service
from apache_beam.portability.api import endpoints_pb2
from google.protobuf import struct_pb2, text_format

from components.allocator import variables_that_keep_freed_memory

if TYPE_CHECKING:
    from collections.abc import Iterator

OPTIONS = {"beam:option:beam_plugins:v1": ["tfx"], "beam:option:max_cache_memory_usage_mb:v1": 50}

OBJECTS_OF_TENSORFLOW = 100_000
"""Python objects that the import of TensorFlow creates at least."""

PROGRAM = """\
import gc, json, os, sys
from apache_beam.runners.worker import sdk_worker_main
from pipeline.beam_worker import main

def show(_):
    print("a library's output", flush=True)
    unsearched = gc.get_freeze_count() if "tensorflow" in sys.modules else 0
    sys.stderr.write(json.dumps([unsearched, dict(os.environ)]))

sdk_worker_main.main = show
main()
"""


class Engine(provision_service.ProvisionServiceServicer):
    """An engine that tells its workers about its services, and keeps the ids that they called with."""

    def __init__(self, info: provision_api.ProvisionInfo):
        self.info = info
        self.worker_ids: list[str] = []

    def GetProvisionInfo(self, _: object, context: grpc.ServicerContext) -> Any:  # noqa: N802 (Beam's name)
        self.worker_ids.append(dict(context.invocation_metadata())["worker_id"])
        return provision_api.GetProvisionInfoResponse(info=self.info)


@pytest.fixture
def engine() -> Iterator[tuple[Engine, str]]:
    """An engine, and the address of its provision service."""
    options = struct_pb2.Struct()
    options.update(OPTIONS)
    info = provision_api.ProvisionInfo(
        pipeline_options=options,
        logging_endpoint=endpoints_pb2.ApiServiceDescriptor(url="localhost:1"),
        control_endpoint=endpoints_pb2.ApiServiceDescriptor(url="localhost:2"),
        runner_capabilities=["beam:protocol:control_response_elements_embedding:v1", "another"],
    )
    engine = Engine(info)
    server = grpc.server(ThreadPoolExecutor(1))
    provision_service.add_ProvisionServiceServicer_to_server(engine, server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    yield engine, f"localhost:{port}"
    server.stop(None)


def run_worker(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM, *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "STATUS_API_SERVICE_DESCRIPTOR"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_the_worker_gets_the_options_and_addresses_of_the_engine(engine: tuple[Engine, str]) -> None:
    asked, address = engine
    ended = run_worker("--id=1-2", f"--provision_endpoint={address}", "--artifact_endpoint=localhost:3")
    assert ended.returncode == 0, ended.stderr
    assert asked.worker_ids == ["1-2"]
    assert ended.stdout == ""  # a worker pool never reads it
    *output, shown = ended.stderr.splitlines()
    assert output[-1] == "a library's output"
    unsearched, environment = json.loads(shown)
    assert unsearched > OBJECTS_OF_TENSORFLOW
    assert environment["WORKER_ID"] == "1-2"
    assert variables_that_keep_freed_memory().items() <= environment.items()
    assert json.loads(environment["PIPELINE_OPTIONS"]) == OPTIONS
    assert environment["RUNNER_CAPABILITIES"].split() == list(asked.info.runner_capabilities)
    for name, port in (("LOGGING", 1), ("CONTROL", 2)):
        text = environment[f"{name}_API_SERVICE_DESCRIPTOR"]
        assert text_format.Parse(text, endpoints_pb2.ApiServiceDescriptor()).url == f"localhost:{port}"
    assert "STATUS_API_SERVICE_DESCRIPTOR" not in environment  # this engine has no such service
