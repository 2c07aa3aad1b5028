import random

from hypothesis import given
from hypothesis import strategies as st

from biosyn.index.approximate_build import changed, perturbed_names

NAMES = [f"ataxia {number} syndrome" for number in range(50)]


@given(st.text(min_size=1).filter(str.strip), st.integers())
def test_a_changed_name_is_never_empty(name, seed):
    assert changed(name, random.Random(seed)).strip()


def test_they_differ_from_the_names_and_are_the_same_each_time():
    found = perturbed_names(NAMES, 20, seed=3)
    assert found == perturbed_names(NAMES, 20, seed=3) != perturbed_names(NAMES, 20, seed=4)
    assert len(found) == 20
    assert not set(found) & set(NAMES)


def test_a_small_dictionary_gives_fewer_and_one_letter_stays():
    assert perturbed_names(["a"], 9, seed=0) == ["aa"]
