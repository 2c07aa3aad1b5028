"""A setting becomes a flag, and the parsed flag the setting again."""

import argparse

import pytest

from biosyn.cli.parsing import add_flags, make_config
from biosyn.errors import InputError
from biosyn.settings.groups import FOLDER, Compute, Settings, at_least, changed, group, setting, settings


@group
class Food(Settings):
    """Food: what is served."""

    pieces: int = setting("pieces to serve", default=3, check=at_least(1), metavar="N")
    kind: str | None = setting("kind of it (default: any)", default=None, choices=("sweet", "sour"))


@settings
class Meal(Food, Compute):
    """The settings of a verb."""

    name: str = setting("what it is called")
    where: str | None = setting("the place", default=None, check=FOLDER, section="data")
    warm: bool = setting("heat it", default=False)
    guests: tuple[str, ...] = setting("who comes", default=())
    pieces: int = changed(Food, "pieces", default=5)


@pytest.fixture
def parser():
    parser = argparse.ArgumentParser(prog="meal")
    add_flags(parser, Meal, title="meal")
    return parser


def test_every_flag_comes_back_as_the_setting(parser):
    flags = "--name soup --warm --guests A B --guests C --kind sour --pieces 2 --precision bfloat16 --use_cuda --quiet"
    found = make_config(Meal, parser.parse_args(flags.split()))
    assert found == Meal(
        name="soup", warm=True, guests=("A", "B", "C"), kind="sour", pieces=2, precision="bfloat16", device="cuda"
    )


def test_what_is_not_given_has_the_default_of_the_verb(parser):
    assert make_config(Meal, parser.parse_args(["--name", "soup"])) == Meal(name="soup")
    assert Meal(name="soup").pieces == 5


def test_help_has_a_section_for_each_group_and_each_default_once(parser):
    text = " ".join(parser.format_help().split())
    assert text.index("data: --where FOLDER") < text.index("meal: --name NAME what it is called") < text.index("food:")
    assert text.index("food:") < text.index("compute:")
    assert "--pieces N pieces to serve (default: 5)" in text
    assert text.count("(default: any)") == 1
    assert "--warm heat it --" in text  # a switch has no default to tell


def test_a_value_is_checked_when_the_config_is_made(parser):
    with pytest.raises(InputError, match="--pieces must be at least 1, found 0"):
        make_config(Meal, parser.parse_args(["--name", "soup", "--pieces", "0"]))
    with pytest.raises(InputError, match="--kind must be one of sweet, sour, found hot"):
        Meal(name="soup", kind="hot")


@pytest.mark.parametrize("flags", [["--name", "soup", "--kind", "hot"], []])
def test_the_parser_refuses_an_unknown_choice_and_a_missing_name(parser, flags):
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(flags)


def test_use_cuda_must_not_contradict_the_device(parser):
    with pytest.raises(InputError, match="--use_cuda contradicts --device cpu"):
        make_config(Meal, parser.parse_args(["--name", "soup", "--use_cuda", "--device", "cpu"]))


def test_a_flag_that_is_there_already_is_kept_and_others_can_be_chosen():
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", default="mine")
    add_flags(parser, Meal, only=("name", "pieces"))
    assert vars(parser.parse_args([])) == {"name": "mine", "pieces": 5}
