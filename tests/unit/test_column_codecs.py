"""Column codecs write and read what the codecs of single records do, whatever the values are."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import cells
from streams.cells import keyed
from streams.contract import column_codecs
from streams.contract.codecs import Codecs
from streams.contract.records import BuildSection, SectionCompleted
from tests.unit.test_batch_codecs import INT, LONG, ORDER, TEXT

CODECS = Codecs({BuildSection: 7, SectionCompleted: 8})
WALL = st.text("abc.9", max_size=12)
PLAN = st.fixed_dictionaries({"wall": WALL, "profile": INT, "version": LONG})
NAME = st.text("0123456789.", max_size=12)
TASK = st.fixed_dictionaries(
    {"section": INT, "crew": NAME, "first_day": INT, "days": INT, "relieves": st.booleans()}
)
INT_END = 1 << 31
STRANGE = TEXT | st.just("x" * 300)
COLUMNS = ("section", "crew", "first_day", "days", "relieves")


@pytest.fixture(autouse=True)
def columns_for_any_number_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "FEW_ROWS", 1)
    monkeypatch.setattr(column_codecs, "FEW_ROWS", 1)


def in_columns(tasks):
    types = {"crew": list, "relieves": lambda column: np.array(column, np.bool_)}
    return [
        types.get(name, lambda column: np.array(column, np.int64))([task[name] for task in tasks])
        for name in COLUMNS
    ]


@given(st.lists(st.tuples(PLAN, st.lists(TASK, min_size=1, max_size=4)), min_size=1, max_size=4))
def test_orders_of_many_plans_are_written_as_fastavro_writes_them(plans):
    encode = CODECS.of(BuildSection).column_encoder(*COLUMNS)
    groups = [(plan, len(tasks)) for plan, tasks in plans]
    found = encode(groups, *in_columns([task for _, tasks in plans for task in tasks]))
    assert isinstance(found, cells.Cells)
    expected = [CODECS.encode(BuildSection(**p, **task)) for p, tasks in plans for task in tasks]
    assert list(found) == expected
    assert [found[row] for row in range(len(found))] == expected


@given(PLAN, STRANGE, st.lists(TASK, min_size=1, max_size=4), STRANGE)
def test_long_and_foreign_texts_are_written_as_fastavro_writes_them(plan, wall, tasks, crew):
    tasks[-1]["crew"], plan["wall"] = crew, wall
    encode = CODECS.of(BuildSection).column_encoder(*COLUMNS)
    expected = [CODECS.encode(BuildSection(**plan, **task)) for task in tasks]
    assert list(encode([(plan, len(tasks))], *in_columns(tasks))) == expected


@given(PLAN, st.lists(st.tuples(INT, NAME, INT, st.none() | INT), min_size=1, max_size=5))
def test_numbers_that_may_be_null_are_written_as_fastavro_writes_them(plan, events):
    encode = CODECS.of(SectionCompleted).column_encoder(
        "section", "crew", "day", "crew_relieved_on"
    )
    sections, crews, days, relieved = zip(*events, strict=True)
    of_relief = np.ma.masked_array([day or 0 for day in relieved], [d is None for d in relieved])
    found = encode(
        [(plan | {"run": None, "at_ms": None}, len(events))],
        np.array(sections), list(crews), np.array(days), of_relief,
    )  # fmt: skip
    assert list(found) == [
        CODECS.encode(SectionCompleted(**plan, section=s, crew=c, day=d, crew_relieved_on=r))
        for s, c, d, r in events
    ]


def rows_of(decoded):
    columns = [c.texts() if isinstance(c, cells.Cells) else list(c) for c in decoded.columns]
    rows = list(zip(*columns, strict=True))
    return dict.fromkeys(decoded.others) | {
        run.at + number: (run.common, *row)
        for run in decoded.runs
        for number, row in enumerate(rows[run.rows])
    }


@given(st.lists(st.tuples(PLAN, TASK | ORDER, st.integers(1, 3)), max_size=6), st.data())
def test_orders_are_read_as_one_by_one_whatever_is_among_them(orders, data):
    values = [
        CODECS.encode(BuildSection(**(order | plan)))
        for plan, order, count in orders
        for _ in range(count)
    ]
    for at in data.draw(st.lists(st.integers(0, max(0, len(values) - 1)), max_size=2)):
        if not values:
            break
        value = bytearray(values[at] or b"\0")
        value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
        values[at] = data.draw(st.sampled_from([None, b"", bytes(value), bytes(value[:-1])]))
    expected = list(CODECS.of(BuildSection).decoder(3)(values))
    if any(not -INT_END <= e[at] < INT_END for e in expected if e for at in (1, 3, 4)):
        with pytest.raises(OverflowError):
            CODECS.of(BuildSection).column_decoder(3)(values)
        return
    decoded = CODECS.of(BuildSection).column_decoder(3)(values)
    assert rows_of(decoded) == dict(enumerate(expected))
    for one, other in pairwise(decoded.runs):
        after = one.at + one.rows.stop - one.rows.start
        assert after < other.at or one.common != other.common


@given(st.lists(st.tuples(st.binary(max_size=9), st.lists(st.integers(0, 2**63 - 1))), min_size=1))
def test_keys_begin_and_end_as_they_should(groups):
    numbers = np.array([number for _, of_group in groups for number in of_group], np.int64)
    counts = [len(of_group) for _, of_group in groups]
    expected = [p + b"%d" % number for p, of_group in groups for number in of_group]
    prefixes = [prefix for prefix, _ in groups]
    assert list(keyed(prefixes, counts, numbers)) == expected
    assert list(keyed(prefixes, counts, list(map(str, numbers.tolist())))) == expected
    negative = [p + b"%d" % -n for p, of_group in groups for n in of_group]
    assert list(keyed(prefixes, counts, -numbers)) == negative
