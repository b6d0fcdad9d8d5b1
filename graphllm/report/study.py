"""The study of a result: its part of the page, its plot, its tables."""

from collections.abc import Mapping
from html import unescape
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from graphllm.evaluate import Result
from graphllm.report.budget import budget_plot, budget_section, budget_sheets
from graphllm.report.compression import compression_section, compression_sheets
from graphllm.report.compression_plots import compression_plot
from graphllm.report.depth import accuracy_table, depth_plot, depth_section
from graphllm.report.figures import Draw
from graphllm.report.html import Safe
from graphllm.report.ladling import ladling_section, ladling_sheets
from graphllm.report.ladling_plots import ladling_plot
from graphllm.report.lifts import CLEAR
from graphllm.report.llm_free import llm_free_plot, llm_free_section, llm_free_sheets
from graphllm.report.mog import mog_section, mog_sheets
from graphllm.report.mog_plots import mog_plot
from graphllm.report.numbers import fields
from graphllm.report.prompts import prompts_plot, prompts_section, prompts_sheets
from graphllm.report.sheets import Sheet, sheet_markdown, sheet_table
from graphllm.report.slices import slices_plot, slices_section, slices_sheets
from graphllm.report.tables import arms_markdown, arms_table

_CLEAR_MEANS = (
    "zero lies outside the 95 % interval of the paired difference, three seeds or more"
)


def study_of(result: Result) -> Mapping[str, Any]:
    """``details["study"]``, empty for a plain comparison of arms."""
    return fields(result.details.get("study"))


def study_section(result: Result) -> Safe:
    """The study on the page; empty where there is none."""
    study = study_of(result)
    rows = study.get("rows") or []
    match study.get("kind"):
        case "budget":
            return budget_section(result, rows)
        case "prompts":
            return prompts_section(result, rows)
        case "slices":
            return slices_section(result, study)
        case "llm_free":
            return llm_free_section(result, study)
        case "depth":
            return depth_section(result)
        case "mog":
            return mog_section(result, study)
        case "ladling":
            return ladling_section(result, study)
        case "compression":
            return compression_section(result, study)
    return Safe()


def study_plot(result: Result) -> Draw | None:
    """The plot of the study, to be kept as a PNG file."""
    study = study_of(result)
    rows = study.get("rows") or []
    match study.get("kind"):
        case "budget":
            return budget_plot(rows)
        case "prompts":
            return prompts_plot(rows)
        case "slices":
            return slices_plot(rows)
        case "llm_free":
            return llm_free_plot(rows)
        case "depth":
            return depth_plot(result)
        case "mog":
            return mog_plot(result, study)
        case "ladling":
            return ladling_plot(study)
        case "compression":
            return compression_plot(study)
    return None


def study_sheets(result: Result) -> list[Sheet]:
    """The tables of the study; none where it has none of its own."""
    study = study_of(result)
    rows = study.get("rows") or []
    match study.get("kind"):
        case "budget":
            return budget_sheets(rows)
        case "prompts":
            return prompts_sheets(result, rows)
        case "slices":
            return slices_sheets(study)
        case "llm_free":
            return llm_free_sheets(rows)
        case "depth":
            return [_depth_sheet(result)]
        case "mog":
            return mog_sheets(result, study)
        case "ladling":
            return ladling_sheets(result, study)
        case "compression":
            return compression_sheets(study)
    return []


def _depth_sheet(result: Result) -> Sheet:
    header, lines = accuracy_table(result)
    # Its names are HTML already.
    names = [unescape(line[0].replace("<wbr>", "")) for line in lines]
    rows = [[name, *line[1:]] for name, line in zip(names, lines, strict=True)]
    return Sheet("Test accuracy in % by number of layers", header, rows)


def summary_table(result: Result) -> RenderableType:
    """What a terminal shows of a result: the tables of its study, else its arms.

    Args:
        result (Result): The experiment.

    Returns:
        RenderableType: To be printed by a :class:`rich.console.Console`.
    """
    sheets = study_sheets(result)
    if not sheets:
        return arms_table(result)
    parts: list[RenderableType] = []
    for sheet in sheets:
        parts += [Text(sheet.title, style="bold"), sheet_table(sheet), ""]
    if any(isinstance(c, dict) for s in sheets for row in s.rows for c in row):
        parts.append(Text(f"{CLEAR} {_CLEAR_MEANS}", style="dim"))
    return Group(*parts)


def summary_markdown(result: Result) -> str:
    """The same as Markdown, with intervals; a bold title above each table."""
    sheets = study_sheets(result)
    if not sheets:
        return arms_markdown(result)
    return "\n".join(f"**{s.title}**\n\n{sheet_markdown(s)}" for s in sheets)
