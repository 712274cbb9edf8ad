import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import clean_tables
from pipeline.competition import schema
from pipeline.competition.assignment import assign_folds, check_folds, share_bound
from pipeline.errors import UserError
from pipeline.params import Split
from stages import split as split_stage
from stages import validate as validate_stage
from tests.competition import kaggle
from tests.configurations import section


def elements(n_essays: int, seed: int) -> pd.DataFrame:
    """Essays of 3 to 12 elements whose labels lean towards the essay's own."""
    random = np.random.default_rng(seed)
    rows = []
    for essay in range(n_essays):
        shares = random.dirichlet([1.0, 3.0, 1.5])
        for _ in range(random.integers(3, 13)):
            rows.append((f"E{essay}", random.choice(schema.TYPES), random.choice(3, p=shares)))
    columns = [schema.ESSAY_ID, schema.ELEMENT_TYPE, clean_tables.LABEL]
    return pd.DataFrame(rows, columns=columns).astype({clean_tables.LABEL: np.int8})


@settings(max_examples=20, deadline=None)
@given(st.integers(60, 120), st.integers(0, 1000), st.integers(2, 6), st.integers(0, 5))
def test_every_essay_has_one_fold_and_folds_are_alike(n_essays, data_seed, n_folds, seed):
    table = elements(n_essays, data_seed)
    folds = assign_folds(table, section(Split, n_folds=n_folds, seed=seed))
    assert folds[schema.ESSAY_ID].tolist() == table[schema.ESSAY_ID].unique().tolist()
    assert folds[clean_tables.FOLD].dtype == np.int8
    assert set(folds[clean_tables.FOLD]) == set(range(n_folds))
    merged = table.merge(folds)
    assert len(merged) == len(table)
    whole = table[clean_tables.LABEL].value_counts(normalize=True)
    for _, members in merged.groupby(clean_tables.FOLD):
        shares = members[clean_tables.LABEL].value_counts(normalize=True)
        for label, share in whole.items():
            assert abs(shares.get(label, 0.0) - share) <= share_bound(share, len(members))


def test_stratifies_by_type_too():
    table = elements(400, 0)
    merged = table.merge(assign_folds(table, section(Split, n_folds=5, seed=1)))
    counts = pd.crosstab(merged[clean_tables.FOLD], merged[schema.ELEMENT_TYPE], normalize="index")
    assert (counts.max() - counts.min()).max() < 0.02  # plain grouping gives about 0.04


def test_seed_alone_decides():
    table = elements(80, 0)
    first = assign_folds(table, section(Split, n_folds=5, seed=1))
    assert assign_folds(table, section(Split, n_folds=5, seed=1)).equals(first)
    assert not assign_folds(table, section(Split, n_folds=5, seed=2)).equals(first)


def test_fewer_essays_than_folds():
    with pytest.raises(UserError) as caught:
        assign_folds(elements(3, 0), section(Split, n_folds=4, seed=1))
    assert str(caught.value) == (
        "split.n_folds: found 4, expected at most the number of training essays, 3"
    )


def test_bound_by_hand():
    # 0.01 + 3 sqrt(0.25 / 100)
    assert share_bound(0.5, 100) == pytest.approx(0.16)
    assert share_bound(0.0, 100) == pytest.approx(0.01)


def test_an_essay_in_two_folds_is_caught():
    with pytest.raises(AssertionError, match="two folds"):
        check_folds(np.array([0, 0, 1]), np.array([0, 1, 2]), np.array([0, 1, 1]), 2)
    with pytest.raises(AssertionError, match="no fold"):
        check_folds(np.array([0, 0, 1]), np.array([0, 1, 2]), np.array([-1, -1, 1]), 2)


def test_shares_by_hand_and_out_of_bounds():
    labels = np.array([0, 1, 1, 2] * 100)
    essays = np.arange(400) // 4
    shares = check_folds(essays, labels, (essays % 2).astype(np.int8), 2)
    np.testing.assert_array_equal(shares, [[0.25, 0.5, 0.25]] * 2)
    labels = np.repeat([1, 2], 200)
    with pytest.raises(UserError) as caught:
        check_folds(essays, labels, (essays // 50).astype(np.int8), 2)
    assert str(caught.value) == (
        "split: fold 0: found 100.0% Adequate, expected 50.0% within 11.6%; "
        "choose fewer folds or another seed"
    )
    with pytest.raises(UserError, match="fold 2 is empty"):
        check_folds(essays, np.array([0, 1, 1, 2] * 100), (essays % 2).astype(np.int8), 3)


def test_stage_writes_folds(configuration, tmp_path, capsys):
    source = kaggle.write(tmp_path / "raw")
    for row in (2, 4):
        kaggle.edit(source, "train.csv", row, "discourse_effectiveness", "Effective")
    for row in (1, 3):
        kaggle.edit(source, "train.csv", row, "discourse_effectiveness", "Adequate")
    configuration(source)
    with pytest.raises(UserError, match=r"train/elements.parquet: not found; run the validate"):
        split_stage.main([])
    validate_stage.main([])
    split_stage.main([])
    assert capsys.readouterr().out.splitlines()[-1] == (
        "data/folds.parquet: 2 essays in folds of 1, 1"
    )
    assert sorted(pd.read_parquet("data/folds.parquet")["fold"]) == [0, 1]


def test_too_few_elements_to_stratify():
    table = elements(6, 0).drop_duplicates([schema.ELEMENT_TYPE, clean_tables.LABEL])
    n_folds = table[schema.ESSAY_ID].nunique()
    with pytest.raises(UserError, match=r"commonest label and type, 1$"):
        assign_folds(table, section(Split, n_folds=n_folds, seed=1))


@pytest.mark.filterwarnings("error")
def test_rare_types_are_no_noise():
    table = elements(60, 0)
    table.loc[0, schema.ELEMENT_TYPE] = "Rebuttal"
    rare = table[(table[schema.ELEMENT_TYPE] != "Rebuttal") | (table.index == 0)]
    assign_folds(rare, section(Split, n_folds=5, seed=1))
