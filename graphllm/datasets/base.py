"""The form all data sets share: PyG's, built from one graph, without its caches."""

from collections.abc import Callable

from torch_geometric.data import Data, InMemoryDataset

from graphllm.data import validate_text_graph

Transform = Callable[[Data], Data]


class TextGraphDataset(InMemoryDataset):
    """A data set of one text graph.

    It behaves as any PyG data set (``dataset[0]``, ``num_classes``, ``transform``),
    but nothing is pickled: what is stored on disk are text-graph files.

    Args:
        data (Data): The graph; validated here.
        name (str): Its name, also found as ``data.name``.
        transform (callable, optional): Applied at every access.
            (default: :obj:`None`)

    Raises:
        TextGraphError: If the graph breaks the conventions of a text graph.
    """

    def __init__(
        self, data: Data, name: str, transform: Transform | None = None
    ) -> None:
        super().__init__(None, transform)
        data.name = name
        validate_text_graph(data, require_text=False)
        self._data, self.slices = self.collate([data])

    @property
    def num_classes(self) -> int:
        """Number of label names, of which some may have no node."""
        names = getattr(self._data, "label_names", None)
        return super().num_classes if names is None else len(names)
