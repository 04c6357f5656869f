"""Shows the device that trainings of this process run on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from pipeline.doctor import gpu

if TYPE_CHECKING:
    from pipeline.display.live import Display


def show_device(display: Display) -> None:
    """Prints the device; if there is a GPU that TensorFlow cannot use, also why, and what to do."""
    driver, gpus = gpu.find_driver(), gpu.tensorflow_gpus()
    display.print(f"device: {escape(gpu.device_text(driver, gpus))}")
    if problem := gpu.gpu_problem(driver, gpus):
        display.print(f"[bold yellow]{escape(problem)}[/]")
