"""Encoders: any callable from a list of strings to a tensor with a row each."""

from graphllm.encode.cached import Encoder, encode_cached
from graphllm.encode.load import load_encoder
from graphllm.encode.sentence import SentenceEncoder
from graphllm.encode.store import load_embeddings, read_manifest, save_embeddings
from graphllm.encode.stored import StoredEncoder
from graphllm.encode.tfidf import TfidfEncoder

__all__ = [
    "Encoder",
    "SentenceEncoder",
    "StoredEncoder",
    "TfidfEncoder",
    "encode_cached",
    "load_embeddings",
    "load_encoder",
    "read_manifest",
    "save_embeddings",
]
