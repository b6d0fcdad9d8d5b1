import pytest

from graphllm.prompts.label_index import LabelIndex

CORA = LabelIndex(["Case_Based", "Genetic_Algorithms", "Neural_Networks", "Theory"])


@pytest.mark.parametrize(
    "spelling",
    [
        "Neural_Networks",
        "neural networks",
        "NEURAL-NETWORKS",
        "NeuralNetworks",
        ' "Neural Networks". ',
        "**Neural_Networks**",
    ],
)
def test_spellings_of_one_name(spelling):
    assert CORA.find(spelling) == "Neural_Networks"


@pytest.mark.parametrize(
    "other", ["Neural", "Neural Network", "Deep Neural Networks", "theories", "", "Th"]
)
def test_close_is_not_enough(other):
    assert CORA.find(other) is None


def test_ambiguous_spellings_match_only_as_written():
    index = LabelIndex(["a b", "A_B", "c"])
    assert index.find("a b") == "a b"
    assert index.find("A_B") == "A_B"
    assert index.find("AB") is None
    assert index.find("C") == "c"


def test_leading_name_before_a_remark():
    for remark in (
        ": it proves",
        " - it proves",
        " (bounds)",
        ", because",
        ". It proves",
    ):
        assert CORA.find_leading("Theory" + remark + " bounds") == "Theory"
    assert CORA.find_leading("Theory of mind") is None


def test_split_knows_names_with_commas():
    index = LabelIndex(["Health, Fitness", "Health", "Music; Dance", "cs.AI"])
    assert index.split("Health, Fitness") == ["Health, Fitness"]
    assert index.split("cs.AI, health, fitness; Health") == [
        "cs.AI",
        "Health, Fitness",
        "Health",
    ]
    assert index.split("Health, Sports") == ["Health", None]
