"""Who trains the ingredients: this process, several, or a cluster."""

from graphllm.experiments.ladling.runners.in_process import InProcess
from graphllm.experiments.ladling.runners.processes import Processes
from graphllm.experiments.ladling.runners.ray_tasks import Ray
from graphllm.experiments.ladling.runners.shelf import Job, Runner
from graphllm.experiments.ladling.runners.vmapped import Vmapped, can_stack

__all__ = ["InProcess", "Job", "Processes", "Ray", "Runner", "Vmapped", "can_stack"]
