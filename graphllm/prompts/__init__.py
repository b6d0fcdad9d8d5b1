"""Prompts as data: a catalogue, rendering within a budget, readers of answers."""

from graphllm.prompts.catalog import catalog, get_templates
from graphllm.prompts.domain import DOMAINS, Domain
from graphllm.prompts.graph_prompt import (
    GraphPrompt,
    classification_prompt,
    description_prompt,
    link_prompt,
    text_only,
    with_text,
)
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
    "GraphPrompt",
    "NodeView",
    "Parsed",
    "Template",
    "build_views",
    "catalog",
    "classification_prompt",
    "description_prompt",
    "explanation",
    "get_templates",
    "keyword_list",
    "label_confidences",
    "link_prompt",
    "neighbor_numbers",
    "prose",
    "ranked_labels",
    "render",
    "repair_request",
    "text_only",
    "with_text",
]
