"""Where graphllm keeps what it can make again: answers, embeddings, downloads."""

import os
from pathlib import Path


def cache_dir() -> Path:
    """The cache folder: ``GRAPHLLM_CACHE``, or ``~/.cache/graphllm``.

    The variable is read at each call and nothing is created; whoever writes makes
    the folder.
    """
    given = os.environ.get("GRAPHLLM_CACHE", "").strip()
    return Path(given or "~/.cache/graphllm").expanduser()
