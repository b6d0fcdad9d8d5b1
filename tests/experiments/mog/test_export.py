import pytest
import torch

from graphllm.data import apply_sparse_graph, write_sparse_graph
from graphllm.errors import TextGraphError
from graphllm.experiments import Ledger, Training
from graphllm.experiments.mog import Plan, run_mog, thin_graph

TRAINING = Training("gcn", 2, 8, epochs=10, patience=10)
PLAN = Plan((0.4,), ("degree", "jaccard"), ("random",), ("vote",), 2, 2)


def test_the_graph_of_the_experiment_without_a_second_training(
    graph, tmp_path, no_training
):
    ledger = Ledger(tmp_path / "trainings.jsonl")
    result = run_mog(
        graph,
        split="file",
        seeds=[0],
        training=TRAINING,
        sparsities=PLAN.sparsities,
        criteria=PLAN.criteria,
        baselines=PLAN.baselines,
        mixes=PLAN.mixes,
        k=PLAN.k,
        interval=PLAN.interval,
        ledger=ledger,
    )
    no_training()
    sparse, score = thin_graph(
        graph, PLAN, split="file", training=TRAINING, ledger=ledger
    )
    metrics = result.arms["mog_vote@0.4"]
    assert score.test_acc == metrics["test_acc"]["mean"]
    assert sparse.num_edges == metrics["kept"]["mean"] * graph.num_edges
    assert torch.equal(sparse.edge_index, graph.edge_index[:, sparse.e_id])
    assert sparse.text == graph.text
    # There and back by file.
    path = write_sparse_graph(
        sparse, tmp_path / "s.pt", num_edges=graph.num_edges, sparsity=0.4
    )
    again = apply_sparse_graph(graph, path)
    assert torch.equal(again.edge_index, sparse.edge_index)
    assert torch.equal(again.labels_read, graph.train_mask | graph.val_mask)
    assert not (again.labels_read & graph.test_mask).any()


def test_a_graph_without_features_is_refused(graph):
    del graph.x
    with pytest.raises(TextGraphError, match="no features"):
        thin_graph(graph, PLAN, split="file", training=TRAINING)
