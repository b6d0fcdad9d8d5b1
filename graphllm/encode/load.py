"""From the name of an encoder to the encoder."""

from pathlib import Path

from graphllm.encode.cached import Encoder
from graphllm.encode.sentence import SentenceEncoder
from graphllm.encode.tfidf import TfidfEncoder
from graphllm.errors import UnknownNameError

NAMES = ("minilm", "tfidf")


def load_encoder(spec: str, *, progress: bool = False) -> Encoder:
    """The encoder that a name stands for.

    Args:
        spec (str): ``"minilm"``; ``"tfidf"``, which is fitted on the first texts it
            encodes; a directory in the sentence-transformers or transformers format;
            or ``owner/model`` on the hub.
        progress (bool, optional): Whether a model shows a progress bar on stderr.
            (default: :obj:`False`)

    Returns:
        Callable: ``list[str]`` to a tensor, with an ``id``.

    Raises:
        UnknownNameError: If the name can be none of these.
        ModelNotFoundError: If the model is not installed or is no encoder.
    """
    if spec == "tfidf":
        return TfidfEncoder()
    if spec not in NAMES and "/" not in spec and not Path(spec).expanduser().exists():
        raise UnknownNameError("encoder", spec, [*NAMES, "a directory", "owner/model"])
    return SentenceEncoder(spec, progress=progress)
