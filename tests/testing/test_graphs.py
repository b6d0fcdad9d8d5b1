import networkx as nx
import torch
from torch_geometric.utils import is_undirected, to_networkx

from graphllm.data import validate_text_graph
from graphllm.testing import sbm_text_graph, tiny_text_graph
from graphllm.testing.graphs import WORDS


def test_the_tiny_graph_is_two_triangles_and_a_bridge():
    data = validate_text_graph(tiny_text_graph())
    graph = to_networkx(data, to_undirected=True)
    assert set(nx.bridges(graph)) == {(2, 3)}
    assert nx.triangles(graph) == dict.fromkeys(range(6), 1)
    assert data.num_edges == 14
    assert is_undirected(data.edge_index)
    masks = data.train_mask.int() + data.val_mask.int() + data.test_mask.int()
    assert masks.tolist() == [1] * 6


def test_the_block_model_is_a_text_graph_with_a_whole_split():
    data = validate_text_graph(sbm_text_graph())
    assert data.num_nodes == 60
    assert torch.bincount(data.y).tolist() == [20, 20, 20]
    sizes = [
        int(mask.sum()) for mask in (data.train_mask, data.val_mask, data.test_mask)
    ]
    assert sizes == [18, 18, 24]
    assert is_undirected(data.edge_index)
    assert not bool((data.edge_index[0] == data.edge_index[1]).any())


def test_edge_probabilities_are_those_asked_for():
    data = sbm_text_graph(300, p_in=0.2, p_out=0.02, words_per_node=1)
    same = data.y[data.edge_index[0]] == data.y[data.edge_index[1]]
    # 3 * 100 * 99 ordered pairs inside, 3 * 2 * 100 * 100 between classes.
    assert abs(int(same.sum()) / 29_700 - 0.2) < 0.02
    assert abs(int((~same).sum()) / 60_000 - 0.02) < 0.005


def test_full_text_is_free_of_noise_and_text_is_not():
    data = sbm_text_graph(word_noise=0.5, words_per_node=6)

    def share(texts):
        own = total = 0
        for text, label in zip(texts, data.y.tolist(), strict=True):
            words = text.split()
            assert len(words) == 6
            own += sum(word in WORDS[data.label_names[label]] for word in words)
            total += len(words)
        return own / total

    assert share(data.full_text) == 1.0
    # Half of the words stay, and a third of the noise hits the own class: 2/3.
    assert abs(share(data.text) - 2 / 3) < 0.1
    clean = sbm_text_graph(word_noise=0.0)
    assert all(
        word in WORDS[clean.label_names[label]]
        for text, label in zip(clean.text, clean.y.tolist(), strict=True)
        for word in text.split()
    )


def test_topics_share_no_word():
    words = [word for topic in WORDS.values() for word in topic]
    assert len(words) == len(set(words)) == 24


def test_the_seed_decides():
    one, same, other = sbm_text_graph(seed=4), sbm_text_graph(seed=4), sbm_text_graph()
    assert torch.equal(one.edge_index, same.edge_index)
    assert one.text == same.text
    assert torch.equal(one.train_mask, same.train_mask)
    assert one.text != other.text
    assert not torch.equal(one.edge_index, other.edge_index)
    state = torch.get_rng_state()
    sbm_text_graph()
    assert torch.equal(state, torch.get_rng_state())
