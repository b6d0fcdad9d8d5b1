import pytest

from graphllm.compress.sizes import size_of
from graphllm.errors import ModelNotFoundError


def test_size_counts_every_file(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "a.bin").write_bytes(b"12345")
    (tmp_path / "inner" / "b.bin").write_bytes(b"123")
    assert size_of(tmp_path) == 8
    assert size_of(tmp_path / "a.bin") == 5
    with pytest.raises(ModelNotFoundError, match="no model at"):
        size_of(tmp_path / "absent")
