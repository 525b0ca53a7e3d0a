"""Keys of items by id, added in any order."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engine.item_keys import ItemKeys


def added(ids: list[str]) -> tuple[ItemKeys, list[bool]]:
    keys = ItemKeys()
    return keys, [keys.add(item_id, key_of(item_id)) for item_id in ids]


def key_of(item_id: str) -> str:
    return hashlib.sha256(item_id.encode()).hexdigest()


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6)))
def test_ids_are_yielded_once_each_in_order_with_their_keys(ids: list[str]) -> None:
    keys, is_new = added(ids)
    assert is_new == [item_id not in ids[:at] for at, item_id in enumerate(ids)]
    keys.sort()
    assert list(keys.ids()) == sorted(set(ids))
    assert len(keys) == len(set(ids))
    for item_id in reversed(ids):
        assert keys.of(item_id) == key_of(item_id)


def test_an_unknown_id_is_an_error() -> None:
    keys, _ = added(["a", "c"])
    with pytest.raises(KeyError):
        keys.of("b")
