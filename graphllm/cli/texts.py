"""Plain text to calibrate a language model on and to measure it with."""

import json
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from graphllm.cli import setup
from graphllm.cli.progress import Bars
from graphllm.data import apply_split
from graphllm.errors import GraphLLMError

Part = Literal["train", "val"]


def texts_of(
    source: str, part: Part, data_root: Path | None, seed: int, bars: Bars
) -> list[str]:
    """The texts of a file, or of one part of a data set's nodes.

    Args:
        source (str): A ``.jsonl`` file with a ``text`` a line, another file, which is
            one text, or the name or directory of a data set. Of the latter only the
            texts of the part's nodes are read, so test nodes stay unseen.
        part (str): ``"train"`` or ``"val"``.
        data_root (Path, optional): Where data sets are looked for.
        seed (int): Of the split, where it is a random one.
        bars (Bars): Show the progress.

    Raises:
        GraphLLMError: If there is no such file or data set, or it cannot be read.
    """
    path = Path(source).expanduser()
    if path.is_file():
        return _read(path)
    data, split = setup.load_data(source, data_root, None, bars)
    mask = apply_split(data, split, seed)[f"{part}_mask"]
    return [data.text[node] for node in mask.nonzero().squeeze(1).tolist()]


def tokens_of(texts: list[str], tokenizer: Any, windows: int, window: int) -> Tensor:
    r"""The beginning of a text in windows of one length.

    Args:
        texts (list[str]): Joined by blank lines, in their order.
        tokenizer (PreTrainedTokenizerBase): The model's tokenizer.
        windows (int): Windows at most.
        window (int): Tokens of each.

    Shapes:
        - **output:** :math:`(\text{windows}, \text{window})`

    Raises:
        GraphLLMError: If the text does not fill one window.
    """
    # Some five characters a token, and some to spare.
    text, enough = "\n\n".join(texts), 12 * windows * window
    ids = tokenizer(text[:enough], add_special_tokens=False, return_tensors="pt")
    found: Tensor = ids["input_ids"][0]
    count = min(len(found) // window, windows)
    if count == 0:
        raise GraphLLMError(
            f"the text has {len(found)} tokens, fewer than one window of {window}; "
            "give a longer --text or a smaller --window"
        )
    return found[: count * window].view(count, window)


def _read(path: Path) -> list[str]:
    try:
        text = path.read_text("utf-8-sig")
        if path.suffix != ".jsonl":
            return [text]
        # Not splitlines: JSON may hold other line separators as they are.
        lines = [line for line in text.split("\n") if line.strip()]
        return [str(json.loads(line)["text"]) for line in lines]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise GraphLLMError(f"cannot read '{path}' ({reason})") from None
    except (ValueError, KeyError, TypeError):
        raise GraphLLMError(
            f"'{path}' is not a file of lines such as {{\"text\": ...}}; give another "
            "file, or plain text under another ending"
        ) from None
