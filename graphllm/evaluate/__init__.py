"""Results of experiments and the numbers in them."""

from graphllm.evaluate.result import Result, environment, summary

__all__ = ["Result", "environment", "summary"]
