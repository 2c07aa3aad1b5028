from pathlib import Path

from biosyn.errors import InputError, missing_extra


def test_the_message_begins_with_file_and_line():
    assert str(InputError("is bad", path=Path("a/b.txt"), line=3)) == "a/b.txt:3: is bad"


def test_the_message_begins_with_the_file_where_there_is_no_line():
    assert str(InputError("is bad", path="b.txt")) == "b.txt: is bad"


def test_the_message_stands_alone_without_a_file():
    assert str(InputError("is bad")) == "is bad"


def test_it_is_a_value_error_so_that_library_users_can_catch_it_as_one():
    assert issubclass(InputError, ValueError)


def test_a_missing_package_is_named_with_the_command_that_installs_it():
    message = str(missing_extra("tornado", "demo"))
    assert "tornado" in message
    assert "pip install 'biosyn[demo]'" in message
