"""Text graphs by name, from files, and from what people have at hand."""

from graphllm.datasets.citeseer import CiteSeer
from graphllm.datasets.convert import from_edges, from_networkx
from graphllm.datasets.cora import Cora
from graphllm.datasets.download import download
from graphllm.datasets.load import DatasetInfo, dataset_names, describe, load_dataset
from graphllm.datasets.planetoid_text import PlanetoidText
from graphllm.datasets.pydocs import PyDocs
from graphllm.datasets.text_graph_files import TextGraphFiles, write_text_graph
from graphllm.datasets.wikispeedia import Wikispeedia
from graphllm.datasets.wordnet import WordNet

__all__ = [
    "CiteSeer",
    "Cora",
    "DatasetInfo",
    "PlanetoidText",
    "PyDocs",
    "TextGraphFiles",
    "Wikispeedia",
    "WordNet",
    "dataset_names",
    "describe",
    "download",
    "from_edges",
    "from_networkx",
    "load_dataset",
    "write_text_graph",
]
