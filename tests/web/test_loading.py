import subprocess
import sys

import pytest

from biosyn.settings.verbs import DemoConfig
from biosyn.web.loading import Loading, LoadingStoppedError
from biosyn.web.service import load_service


@pytest.fixture
def config(tiny_checkpoint, tiny_dictionary, tmp_path):
    return DemoConfig(
        model_name_or_path=str(tiny_checkpoint),
        dictionary_path=str(tiny_dictionary),
        device="cpu",
        cache_dir=str(tmp_path / "cache"),
    )


class Watched(Loading):
    """Notes each stage, and how far the one before came."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def step(self, stage, total=0):
        self.seen.append((self.stage, self.done, self.total))
        super().step(stage, total)


def test_every_name_is_counted_and_every_stage_is_told(config):
    loading = Watched()
    service = load_service(config, loading)
    assert loading.seen[1:] == [
        ("reading the dictionary", 0, 0),
        ("reading the concepts", 0, 0),
        ("loading the model", 0, 0),
        ("embedding the dictionary", 40, 40),
    ]
    assert service.info["dictionary"]["names"] == 40
    assert service.info["model"]["name"] == "tiny_checkpoint0"


def test_from_a_warm_index_nothing_is_embedded(config):
    load_service(config, Loading())
    loading = Watched()
    load_service(config, loading)
    assert loading.seen[-1] == ("embedding the dictionary", 0, 40)


def test_it_stops_at_the_next_batch_and_leaves_nothing(config, tmp_path):
    class Stopping(Loading):
        def add(self, names):
            if names:
                self.stop()
            super().add(names)

    with pytest.raises(LoadingStoppedError):
        load_service(config, Stopping())
    assert not [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]


def test_what_is_asked_later_is_not_counted(config):
    loading = Loading()
    service = load_service(config, loading)
    loading.step("serving", 100)
    service.linker.normalize(["ataxia"])
    assert loading.done == 0


def test_the_server_starts_without_torch():
    program = "import sys, biosyn.web.server; sys.exit(sorted({'torch', 'sklearn', 'lxml'} & set(sys.modules)) or 0)"
    assert subprocess.run([sys.executable, "-c", program], timeout=300).returncode == 0
