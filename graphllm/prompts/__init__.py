"""Prompts as data: a catalogue, rendering within a budget, readers of answers."""

from graphllm.prompts.catalog import catalog, get_templates
from graphllm.prompts.domain import DOMAINS, Domain
from graphllm.prompts.parse import keyword_list, neighbor_numbers, prose
from graphllm.prompts.parse_labels import (
    Explained,
    explanation,
    label_confidences,
    ranked_labels,
)
from graphllm.prompts.render import render
from graphllm.prompts.repair import repair_request
from graphllm.prompts.template import NodeView, Parsed, Template
from graphllm.prompts.views import build_views

__all__ = [
    "DOMAINS",
    "Domain",
    "Explained",
    "NodeView",
    "Parsed",
    "Template",
    "build_views",
    "catalog",
    "explanation",
    "get_templates",
    "keyword_list",
    "label_confidences",
    "neighbor_numbers",
    "prose",
    "ranked_labels",
    "render",
    "repair_request",
]
