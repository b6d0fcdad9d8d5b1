import pytest
import torch

from graphllm.evaluate import expected_calibration_error


def test_by_hand():
    confidence = torch.tensor([0.95, 0.85, 0.85, 0.15])
    correct = torch.tensor([True, True, False, False])
    # bins: 0.95 -> |1 - 0.95|, 0.85 twice -> |0.5 - 0.85|, 0.15 -> |0 - 0.15|
    expected = (0.05 * 1 + 0.35 * 2 + 0.15 * 1) / 4
    assert expected_calibration_error(confidence, correct) == pytest.approx(expected)


def test_the_calibrated_have_none_and_the_cocksure_all():
    half = torch.full((10,), 0.5)
    assert expected_calibration_error(half, torch.arange(10) < 5) == pytest.approx(0)
    sure = torch.ones(7)
    assert expected_calibration_error(sure, torch.zeros(7).bool()) == 1.0


def test_edges_of_bins():
    # 0.5 belongs to (0.25, 0.5], 0 to the first bin.
    value = expected_calibration_error(
        torch.tensor([0.0, 0.5, 0.3]), torch.tensor([False, True, False]), num_bins=4
    )
    assert value == pytest.approx((0 + abs(1 - 0.8)) / 3)


def test_more_bins_never_look_better():
    generator = torch.Generator().manual_seed(0)
    confidence = torch.rand(200, generator=generator)
    correct = torch.rand(200, generator=generator) < confidence
    coarse = expected_calibration_error(confidence, correct, num_bins=5)
    fine = expected_calibration_error(confidence, correct, num_bins=50)
    assert coarse <= fine + 1e-9


@pytest.mark.parametrize(
    ("confidence", "correct", "bins", "match"),
    [
        ([], [], 10, "no predictions"),
        ([0.5], [True, False], 10, "one row of numbers"),
        ([1.5], [True], 10, "in \\[0, 1\\]"),
        ([0.5], [True], 0, "num_bins"),
    ],
)
def test_errors(confidence, correct, bins, match):
    with pytest.raises(ValueError, match=match):
        expected_calibration_error(
            torch.tensor(confidence), torch.tensor(correct), num_bins=bins
        )
