import errno
import hashlib
import socket
import threading

import pytest

from graphllm.datasets.download import download, file_sha256
from graphllm.errors import DownloadError

CONTENT = bytes(range(256)) * 2000  # 512,000 bytes, several blocks
SHA = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def url(server):
    server.files["file.bin"] = CONTENT
    return server.url + "file.bin"


def partial(path):
    return path.with_name(path.name + ".partial")


def test_fetches_into_new_folders(url, tmp_path):
    path = download(url, tmp_path / "new" / "folder" / "file.bin", SHA)
    assert path.read_bytes() == CONTENT
    assert [entry.name for entry in path.parent.iterdir()] == ["file.bin"]
    assert file_sha256(path) == SHA


def test_without_a_checksum(url, tmp_path):
    assert download(url, str(tmp_path / "file.bin")).read_bytes() == CONTENT


def test_a_good_file_is_not_fetched_again(server, url, tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(CONTENT)
    download(url, path, SHA)
    download(url, path)
    assert server.requests == []


def test_a_wrong_file_is_replaced(url, tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    download(url, path, SHA)
    assert path.read_bytes() == CONTENT


def test_progress_counts_up_to_the_total(url, tmp_path):
    seen = []
    download(url, tmp_path / "f", SHA, progress=lambda *now: seen.append(now))
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert len(seen) > 2


def test_interrupted_download_is_resumed_at_once(server, url, tmp_path):
    server.break_after = [200_000, 100_000]
    path = download(url, tmp_path / "file.bin", SHA)
    assert path.read_bytes() == CONTENT
    ranges = [asked for _, asked in server.requests]
    assert ranges == [None, "bytes=200000-", "bytes=300000-"]


def test_interrupted_download_is_resumed_by_a_later_call(server, url, tmp_path):
    path = tmp_path / "file.bin"
    server.break_after = [200_000]
    with pytest.raises(DownloadError, match=r"200000 of 512000 bytes.*run the same"):
        download(url, path, SHA, num_attempts=1)
    assert not path.exists()
    assert partial(path).stat().st_size == 200_000
    download(url, path, SHA)
    assert path.read_bytes() == CONTENT
    assert server.requests[-1][1] == "bytes=200000-"
    assert not partial(path).exists()


def test_server_without_ranges_is_asked_for_all_of_it(server, url, tmp_path):
    server.ranges = False
    server.break_after = [200_000]
    path = download(url, tmp_path / "file.bin", SHA)
    assert path.read_bytes() == CONTENT
    assert len(server.requests) == 2


def test_part_of_another_file_is_thrown_away(server, url, tmp_path):
    path = tmp_path / "file.bin"
    partial(path).write_bytes(b"x" * 1000)
    assert download(url, path, SHA).read_bytes() == CONTENT
    assert [asked for _, asked in server.requests] == ["bytes=1000-", None]


def test_part_longer_than_the_file_is_thrown_away(server, url, tmp_path):
    path = tmp_path / "file.bin"
    partial(path).write_bytes(b"x" * (len(CONTENT) + 1))
    assert download(url, path, SHA).read_bytes() == CONTENT


def test_complete_part_is_not_trusted_blindly(server, url, tmp_path):
    path = tmp_path / "file.bin"
    partial(path).write_bytes(CONTENT)
    assert download(url, path, SHA).read_bytes() == CONTENT


def test_checksum_mismatch_leaves_nothing(server, url, tmp_path):
    path = tmp_path / "file.bin"
    with pytest.raises(DownloadError, match=f"checksum is {SHA[:16]}.* where 0000"):
        download(url, path, "0" * 64)
    assert list(tmp_path.iterdir()) == []
    assert len(server.requests) == 1


def test_mismatch_after_resuming_is_tried_once_more_only(server, url, tmp_path):
    path = tmp_path / "file.bin"
    partial(path).write_bytes(b"x")
    with pytest.raises(DownloadError, match="checksum"):
        download(url, path, "0" * 64)
    assert len(server.requests) == 2


@pytest.mark.parametrize(("status", "reason"), [(404, "404 Not Found"), (503, "503")])
def test_server_says_no(server, url, tmp_path, status, reason):
    server.status = status
    with pytest.raises(DownloadError, match=f"file.bin: the server answers {reason}"):
        download(url, tmp_path / "file.bin", SHA)
    assert len(server.requests) == 1
    assert list(tmp_path.iterdir()) == []


def test_nobody_listens(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DownloadError, match=r"refused.*GRAPHLLM_DATA"):
        download(f"http://127.0.0.1:{port}/file", tmp_path / "file")


def test_silent_server(server, url, tmp_path):
    server.delay = threading.Event()
    with pytest.raises(DownloadError, match="timed out"):
        download(url, tmp_path / "file.bin", timeout_s=0.2)
    server.delay.set()


def test_server_that_speaks_something_else(tmp_path):
    listener = socket.create_server(("127.0.0.1", 0))

    def talk():
        connection, _ = listener.accept()
        connection.recv(1000)
        connection.sendall(b"SSH-2.0-nothing\r\n\r\n")
        connection.close()

    thread = threading.Thread(target=talk)
    thread.start()
    port = listener.getsockname()[1]
    with pytest.raises(DownloadError, match="cannot fetch"):
        download(f"http://127.0.0.1:{port}/file", tmp_path / "file")
    thread.join()
    listener.close()


def test_full_disk(url, tmp_path, monkeypatch):
    from pathlib import Path

    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def write(self, block):
            raise OSError(errno.ENOSPC, "No space left on device")

    original = Path.open

    def small_disk(path, mode="r", *rest, **more):
        file = original(path, mode, *rest, **more)
        return Full(file) if path.suffix == ".partial" and mode != "rb" else file

    monkeypatch.setattr(Path, "open", small_disk)
    with pytest.raises(
        DownloadError, match=r"cannot write .*file.bin: the disk is full"
    ):
        download(url, tmp_path / "file.bin")


def test_place_that_cannot_be_written(url, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DownloadError, match="cannot write"):
        download(url, tmp_path / "file" / "below")


@pytest.mark.parametrize("url", ["file:///etc/hosts", "ftp://host/x", "cora.pt"])
def test_only_web_addresses(url, tmp_path):
    with pytest.raises(DownloadError, match="not an http or https address"):
        download(url, tmp_path / "x")
