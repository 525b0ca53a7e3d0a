"""The draw by hash is the same everywhere and uniform."""

from pipeline.core.base.draws import draw_order, draw_unit


def test_a_draw_stays_what_it_was_on_every_machine() -> None:
    assert draw_order(1, "demo/person_003-001").hex()[:16] == "2be71657d9025417"
    assert draw_unit(1, "demo/person_003-001") == 0.17149486202925718


def test_draws_are_spread_evenly_over_zero_to_one() -> None:
    tenths = [0] * 10
    for i in range(10_000):
        tenths[int(draw_unit(7, f"item-{i}") * 10)] += 1
    assert all(900 <= n <= 1100 for n in tenths)


def test_seed_and_id_each_change_the_draw() -> None:
    assert len({draw_order(1, "a"), draw_order(2, "a"), draw_order(1, "b"), draw_order(1, "")}) == 4
