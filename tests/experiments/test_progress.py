from graphllm.experiments.progress import counted, part_of


def test_the_second_of_three_parts_counts_on():
    seen = []
    step = counted(part_of(lambda *args: seen.append(args), 1, 3), "train", 2)
    step()
    step()
    assert seen == [("train", 3, 6), ("train", 4, 6)]


def test_nobody_needs_to_listen():
    assert part_of(None, 0, 2) is None
    counted(None, "train", 1)()
