"""No test here sees this computer's data or the network; a local web server stands in."""

import contextlib
import functools
import http.server
import os
import threading
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def isolated(monkeypatch, tmp_path):
    """No test sees this computer's own data: no MINIDL_DATA, and an empty cache folder."""
    monkeypatch.delenv("MINIDL_DATA", raising=False)
    cache = tmp_path / "cache"
    monkeypatch.setattr("minidl.data.download.cache_folder", lambda: cache)
    return cache


REAL = os.environ.get("MINIDL_DATA", Path(__file__).parents[3] / "shared" / "data")


@pytest.fixture
def real_mnist():
    """The folder of the official MNIST files, where there is one."""
    for folder in (Path(REAL) / "mnist", Path(REAL)):
        if (folder / "t10k-images-idx3-ubyte.gz").is_file():
            return folder
    pytest.skip(f"the official MNIST files are not in {REAL}; MINIDL_DATA may name their folder")


@contextlib.contextmanager
def _serve(folder):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def website(tmp_path, monkeypatch):
    """A folder and the address that serves it."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "website"
    folder.mkdir()
    with _serve(folder) as address:
        yield folder, address
