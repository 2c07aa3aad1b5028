from hypothesis import given
from hypothesis import strategies as st

from biosyn.web.backend import Recent


@given(st.integers(1, 4), st.lists(st.tuples(st.booleans(), st.integers(0, 6)), max_size=60))
def test_it_holds_the_keys_used_last_and_no_more(size, steps):
    recent, used = Recent(size), []  # used: keys from the one used longest ago, by the plain rule
    for is_put, key in steps:
        assert recent.get(key) == (f"value of {key}" if key in used else None)
        if key in used or is_put:
            used = [other for other in used if other != key] + [key]
        if is_put:
            recent.put(key, f"value of {key}")
        used = used[-size:]
    assert [key for key in range(7) if recent.get(key)] == sorted(used)
