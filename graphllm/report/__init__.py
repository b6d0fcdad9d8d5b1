"""Results as people read them: pages, plots, terminal tables and Markdown."""

from graphllm.report.compare import write_comparison
from graphllm.report.page import write_report
from graphllm.report.study import summary_markdown, summary_table
from graphllm.report.tables import arms_markdown, arms_table

__all__ = [
    "arms_markdown",
    "arms_table",
    "summary_markdown",
    "summary_table",
    "write_comparison",
    "write_report",
]
