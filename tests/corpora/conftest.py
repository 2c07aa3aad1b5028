import pytest


@pytest.fixture
def write(tmp_path):
    """Function: relative path, text -> the file, whose folders are made."""

    def call(name, text, encoding="utf-8"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode(encoding))
        return path

    return call
