"""What the report says in words: the verdict, and how folds were made."""

import numpy as np
import pandas as pd
import pytest

from cellsift.errors import InputError
from cellsift.io.json_files import write_json
from cellsift.reporting import tables
from cellsift.reporting.carry_over import Fall, falls
from cellsift.reporting.run_results import RunResults
from cellsift.reporting.verdict import verdict_sentences

BASELINE = "brightness threshold"
WORSE = "worse than a threshold on brightness"
NONE = (np.nan, np.nan)


def write_evaluation(
    folder, f1, differences=(), role="test", brains=("mouse",), recall=0.9, annotated=50
):
    """Tables of an evaluation: F1 by arm, and (arm_a, arm_b, difference, low, high)."""
    names = [*brains, f"all {role} brains"] if len(brains) > 1 else list(brains)
    end = [
        (arm, name, role, "locked", "f1", value, value - 0.05, value + 0.05)
        for arm, value in f1.items()
        for name in names
    ]
    columns = ["arm", "brain", "role", "scores", "metric", "value", "low", "high"]
    compared = [(a, b, names[-1], "f1", *rest) for a, b, *rest in differences]
    found = {
        "end_to_end": pd.DataFrame(end, columns=columns),
        "classification": pd.DataFrame(end, columns=columns),
        "comparison": pd.DataFrame(
            compared, columns=["arm_a", "arm_b", "brain", "metric", "difference", "low", "high"]
        ),
        "detection": pd.DataFrame(
            [
                (name, role, *row)
                for name in names
                for row in (("recall", recall, recall, recall), ("annotated", annotated, *NONE))
            ],
            columns=["brain", "role", "metric", "value", "low", "high"],
        ),
    }
    (folder / "evaluation").mkdir()
    for name, table in found.items():
        table.to_csv(folder / "evaluation" / f"{name}.csv", index=False)


def verdict(folder, arms=("wide", "narrow"), normalisation="brain") -> str:
    told = {"arms": list(arms), "training": {"normalisation": normalisation}}
    return " ".join(verdict_sentences(RunResults(folder, told)))


def add_out_of_fold(folder, f1, tables=("end_to_end", "classification"), brains=("learnt",)):
    """Rows of train brains, and of all taken together where there are several."""
    names = [*brains, "all train brains"] if len(brains) > 1 else brains
    for table in tables:
        path = folder / "evaluation" / f"{table}.csv"
        rows = [
            (arm, name, "train", "out-of-fold", "f1", value, value - 0.01, value + 0.01)
            for arm, value in f1.items()
            for name in names
        ]
        found = pd.read_csv(path)
        added = pd.DataFrame(rows, columns=found.columns)
        pd.concat([found, added]).to_csv(path, index=False)


def test_verdict_names_the_best_arm_and_says_that_two_arms_can_be_told_apart(tmp_path):
    write_evaluation(
        tmp_path, {"narrow": 0.80, "wide": 0.91}, [("narrow", "wide", -0.1, -0.2, -0.05)]
    )
    said = verdict(tmp_path)
    assert "wide has the highest F1 on the test brain mouse: 0.91 [0.86, 0.96]" in said
    assert "0.10 higher (difference +0.10 [+0.05, +0.20]): the two can be told apart" in said


def test_verdict_admits_that_two_arms_cannot_be_told_apart(tmp_path):
    write_evaluation(
        tmp_path, {"narrow": 0.90, "wide": 0.91}, [("wide", "narrow", 0.01, -0.02, 0.04)]
    )
    assert "cannot be told apart" in verdict(tmp_path)


def test_verdict_does_not_call_what_rounds_to_nothing_higher_or_lower(tmp_path):
    write_evaluation(
        tmp_path, {"narrow": 0.90, "wide": 0.91}, [("wide", "narrow", -0.002, -0.02, 0.01)]
    )
    same = "the F1 of wide is the same to two digits (difference +0.00 [−0.02, +0.01])"
    assert same in verdict(tmp_path)


def test_verdict_says_where_candidates_alone_turn_the_order_round(tmp_path):
    write_evaluation(
        tmp_path, {"narrow": 0.90, "wide": 0.91}, [("wide", "narrow", -0.1, -0.2, -0.05)]
    )
    said = verdict(tmp_path)
    assert "0.10 lower" in said
    assert "the other way round" in said


def test_verdict_does_not_praise_an_arm_that_a_brightness_threshold_equals(tmp_path):
    write_evaluation(
        tmp_path, {"wide": 0.80, BASELINE: 0.82}, [("wide", BASELINE, -0.02, -0.1, 0.05)]
    )
    said = verdict(tmp_path, ["wide"])
    assert "The one arm compared here, wide" in said
    assert "a network is not shown to be worth its cost" in said
    assert "told apart" not in said


@pytest.mark.parametrize(
    ("bounds", "worse"), [((-0.3, -0.01), True), ((-0.3, 0.01), False), ((0.01, 0.3), False)]
)
def test_verdict_says_plainly_that_the_best_arm_is_worse_than_brightness(tmp_path, bounds, worse):
    f1 = {"wide": 0.60, BASELINE: 0.75}
    write_evaluation(tmp_path, f1, [("wide", BASELINE, sum(bounds) / 2, *bounds)])
    assert (WORSE in verdict(tmp_path, ["wide"])) == worse


def test_verdict_names_the_other_arms_that_are_worse_than_brightness(tmp_path):
    write_evaluation(
        tmp_path,
        {"wide": 0.80, "narrow": 0.60, "slow": 0.59, BASELINE: 0.75},
        [
            ("wide", BASELINE, 0.05, 0.02, 0.08),
            (BASELINE, "narrow", 0.15, 0.1, 0.2),
            ("slow", BASELINE, -0.16, -0.4, 0.01),
        ],
    )
    assert f"{WORSE}: narrow." in verdict(tmp_path, ["wide", "narrow", "slow"])


def test_verdict_names_the_arms_that_are_worse_than_brightness_together(tmp_path):
    f1 = {"wide": 0.60, "narrow": 0.59, BASELINE: 0.75}
    differences = [(arm, BASELINE, -0.15, -0.2, -0.1) for arm in ("wide", "narrow")]
    write_evaluation(tmp_path, f1, differences)
    assert f"[−0.20, −0.10]): {WORSE}, as is narrow." in verdict(tmp_path)


def test_verdict_claims_of_the_test_brain_only_what_a_run_can_know(tmp_path):
    """Settings in its config may well have been chosen with a look at that brain."""
    for name, brains in (("one", ("a",)), ("two", ("a", "b"))):
        (tmp_path / name).mkdir()
        write_evaluation(tmp_path / name, {"wide": 0.9}, brains=brains)
        said = verdict(tmp_path / name, ["wide"])
        assert "This run fitted and chose nothing by the annotation of the test brain" in said
        assert (
            "if settings were chosen with a look at earlier results there, F1 is too good" in said
        )


def test_verdict_says_that_a_test_brain_differs_from_the_train_brains(tmp_path):
    write_evaluation(tmp_path, {"wide": 0.60, "narrow": 0.70})
    add_out_of_fold(tmp_path, {"wide": 0.91, "narrow": 0.72})
    said = verdict(tmp_path)
    assert "The test brain mouse differs from the train brains" in said
    # The interval of narrow reaches what it has out of fold.
    assert "on those, 0.60 against 0.91 for wide." in said
    assert "normalisation: local" in said
    assert "train brains like it" in said
    assert "normalisation: local" not in verdict(tmp_path, normalisation="local")
    assert "train brains like it" in verdict(tmp_path, normalisation="local")


@pytest.mark.parametrize(("here", "out_of_fold"), [(0.80, 0.89), (0.95, 0.80), (0.80, np.nan)])
def test_verdict_says_of_a_test_brain_like_the_train_brains_nothing_more(
    tmp_path, here, out_of_fold
):
    """With intervals of 0.05 to either side: a small fall, a rise, and no out-of-fold F1."""
    write_evaluation(tmp_path, {"wide": here})
    add_out_of_fold(tmp_path, {"wide": out_of_fold})
    assert "differs from the train brains" not in verdict(tmp_path, ["wide"])


def test_a_wide_interval_is_no_sign_that_a_test_brain_differs(tmp_path):
    write_evaluation(tmp_path, {"wide": 0.60})
    path = tmp_path / "evaluation" / "end_to_end.csv"
    pd.read_csv(path).assign(high=0.95).to_csv(path, index=False)
    add_out_of_fold(tmp_path, {"wide": 0.91})
    assert "differs from the train brains" not in verdict(tmp_path, ["wide"])


def test_of_several_train_brains_all_together_are_what_a_test_brain_is_held_against():
    rows = [("wide", "c", "train", 0.95), ("wide", "d", "train", 0.65)]
    rows += [("wide", "all train brains", "train", 0.8), ("wide", "a", "test", 0.75)]
    scores = pd.DataFrame(rows, columns=["arm", "brain", "role", "value"])
    scores = scores.assign(metric="f1", low=scores["value"] - 0.01, high=scores["value"] + 0.01)
    assert falls(scores, ["wide", "not evaluated"], "a") == []
    scores.loc[scores["brain"] == "a", ["value", "low", "high"]] = 0.69, 0.6, 0.79
    assert falls(scores, ["wide"], "a") == [Fall("wide", 0.69, 0.8)]


def test_of_several_test_brains_the_one_that_differs_is_named(tmp_path):
    write_evaluation(tmp_path, {"wide": 0.88}, brains=("a", "b"))
    for table in ("end_to_end", "classification"):
        path = tmp_path / "evaluation" / f"{table}.csv"
        rows = pd.read_csv(path)
        rows.loc[rows["brain"] == "b", ["value", "low", "high"]] = 0.5, 0.4, 0.6
        rows.to_csv(path, index=False)
    add_out_of_fold(tmp_path, {"wide": 0.91}, brains=("c", "d"))
    said = verdict(tmp_path, ["wide"])
    assert "The test brain b differs" in said
    assert "The test brain a differs" not in said


def test_what_detection_loses_in_a_test_brain_is_not_laid_on_the_arms(tmp_path):
    write_evaluation(tmp_path, {"wide": 0.60}, recall=0.5)
    add_out_of_fold(tmp_path, {"wide": 0.91}, ["end_to_end"])
    add_out_of_fold(tmp_path, {"wide": 0.62}, ["classification"])
    said = verdict(tmp_path, ["wide"])
    assert "what is lost is lost by detection" in said
    assert "normalisation: local" not in said


def test_a_brain_whose_annotation_seems_to_lie_elsewhere_is_not_called_different(tmp_path):
    write_evaluation(tmp_path, {"wide": 0.60}, recall=0.24)
    add_out_of_fold(tmp_path, {"wide": 0.91})
    write_json({"warnings": ["elsewhere"]}, tmp_path / "brains" / "mouse" / "labels.json")
    said = verdict(tmp_path, ["wide"])
    assert "Check the annotation of mouse first" in said
    assert "differs from the train brains" not in said


def test_of_many_arms_that_fall_the_deepest_falls_are_told(tmp_path):
    f1 = {f"arm{number}": 0.60 - number / 100 for number in range(5)}
    write_evaluation(tmp_path, f1)
    add_out_of_fold(tmp_path, dict.fromkeys(f1, 0.91))
    told = "0.56 against 0.91 for arm4, 0.57 against 0.91 for arm3, 0.58 against 0.91 for arm2"
    assert f"{told}, likewise for 2 more of the 5 arms." in verdict(tmp_path, list(f1))


def test_a_difference_that_is_told_from_zero_reads_as_other_than_zero(tmp_path):
    write_evaluation(
        tmp_path, {"narrow": 0.90, "wide": 0.91}, [("wide", "narrow", 0.0042, 0.0012, 0.008)]
    )
    told = "0.004 higher (difference +0.004 [+0.001, +0.008]): the two can be told apart"
    assert told in verdict(tmp_path)


def test_verdict_without_test_brain_warns_that_values_are_too_good(tmp_path):
    write_evaluation(tmp_path, {"narrow": 0.8, "wide": 0.9}, role="train")
    said = verdict(tmp_path)
    assert "no annotated test brain" in said
    assert "the epoch" in said
    assert "too good" in said
    assert "not compared on the same candidates" in said


def test_verdict_over_a_few_test_brains_takes_them_together_and_warns(tmp_path):
    write_evaluation(
        tmp_path,
        {"narrow": 0.8, "wide": 0.9},
        [("narrow", "wide", -0.1, -0.2, -0.01)],
        brains=("a", "b"),
    )
    said = verdict(tmp_path)
    assert "on the 2 test brains together" in said
    assert "With only 2 test brains" in said


@pytest.mark.parametrize(
    ("annotated", "recall", "said"),
    [
        (
            50,
            0.24,
            "What limits the result is detection: on the test brain mouse 12 of 50 annotated cells "
            "have a candidate (recall of detection 0.24), and no arm can find the others. Mend "
            "that first.",
        ),
        (
            50,
            0.02,
            "What limits the result is detection: on the test brain mouse 1 of 50 annotated cells "
            "has a candidate (recall of detection 0.02), and no arm can find the others. Mend that "
            "first.",
        ),
        (
            50,
            0.0,
            "What limits the result is detection: on the test brain mouse none of 50 annotated "
            "cells has a candidate, and no arm can find one without. Mend that first.",
        ),
        (
            50,
            0.98,
            "Detection sets the limit: on the test brain mouse 49 of 50 annotated cells have a "
            "candidate (recall of detection 0.98); no arm can find the other.",
        ),
        (
            1000,
            0.998,
            "Detection sets the limit: on the test brain mouse 998 of 1000 annotated cells have a "
            "candidate (recall of detection 0.99); no arm can find the others.",
        ),
        (
            50,
            1.0,
            "Detection misses nothing: on the test brain mouse all 50 annotated cells have a "
            "candidate.",
        ),
        (
            1,
            1.0,
            "Detection misses nothing: on the test brain mouse the only annotated cell has a "
            "candidate.",
        ),
        (
            1,
            0.0,
            "What limits the result is detection: on the test brain mouse the only annotated cell "
            "has no candidate, and no arm can find one without. Mend that first.",
        ),
    ],
)
def test_verdict_gives_the_limit_that_detection_sets(tmp_path, annotated, recall, said):
    write_evaluation(tmp_path, {"wide": 0.9}, recall=recall, annotated=annotated)
    assert said in verdict(tmp_path, ["wide"])


def test_verdict_does_not_blame_detection_for_an_annotation_that_seems_to_lie_elsewhere(tmp_path):
    write_evaluation(tmp_path, {"wide": 0.9}, brains=("a", "b"), recall=0.24)
    doubt = {"warnings": ["brain b, cells: b.csv: 9 of 40 annotated cells have a candidate ..."]}
    write_json(doubt, tmp_path / "brains" / "b" / "labels.json")
    said = verdict(tmp_path, ["wide"])
    assert "Check the annotation of b first" in said
    assert "why on the 2 test brains together 12 of 50 annotated cells have a candidate" in said
    assert "What limits the result is detection" not in said


def test_verdict_blames_detection_where_only_detection_is_doubted(tmp_path):
    write_evaluation(tmp_path, {"wide": 0.9}, recall=0.24)
    told = {"warnings": [], "detection_warnings": ["brain mouse: Detection misses too much"]}
    write_json(told, tmp_path / "brains" / "mouse" / "labels.json")
    said = verdict(tmp_path, ["wide"])
    assert "Check the annotation" not in said
    assert "What limits the result is detection" in said
    assert RunResults(tmp_path).doubts("mouse") == told["detection_warnings"]


def test_verdict_where_f1_is_unknown_or_nothing_is_annotated(tmp_path):
    for name, f1 in (("partial", {"wide": np.nan}), ("none", {})):
        (tmp_path / name).mkdir()
        write_evaluation(tmp_path / name, f1)
    assert "F1 cannot be known" in verdict(tmp_path / "partial")
    assert "No brain is annotated" in verdict(tmp_path / "none")


def test_a_missing_or_broken_table_is_named(tmp_path):
    with pytest.raises(InputError, match="roc.csv: there is no such file"):
        RunResults(tmp_path).evaluation("roc")
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "roc.csv").write_text("")
    with pytest.raises(InputError, match="roc.csv: not readable"):
        RunResults(tmp_path).evaluation("roc")


def test_one_thing_is_not_called_as_many_are():
    said = [tables.number_text(count, "candidate") for count in (0, 1, 1200)]
    assert said == ["0 candidates", "1 candidate", "1\u202f200 candidates"]


def test_folds_by_brain_and_by_block_are_told_apart():
    folds = pd.DataFrame({"brain": ["a", "a", "b", "b"], "fold": [0, 0, 1, 1]})
    assert "have seen other brains only" in tables.folds_sentence(folds)
    folds["fold"] = [0, 1, 0, 1]
    assert "say little about how well a network does on another animal" in tables.folds_sentence(
        folds
    )
