"""How long a run still takes, by what its jobs have taken."""

import pytest

from cellsift.workflow.time_left import AtWork, TimeLeft, about, in_words

TRAIN, OTHER_ARM = ("train", "resnet"), ("train", "vit")
LABEL, REPORT = ("label", ""), ("report_brain", "")
ON_TWO = 1 / 2


@pytest.fixture
def times() -> TimeLeft:
    """Trainings take 100 s, labels 2."""
    times = TimeLeft()
    times.took(TRAIN, 90)
    times.took(TRAIN, 110)
    times.took(LABEL, 2)
    return times


def test_nothing_is_said_while_nothing_is_known():
    times = TimeLeft()
    assert times.seconds([], {TRAIN: 4, LABEL: 2}, ON_TWO) is None
    assert times.seconds([AtWork(TRAIN, 30)], {TRAIN: 3}, ON_TWO) is None


def test_nothing_is_said_while_only_small_steps_are_known():
    times = TimeLeft()
    for _ in range(20):
        times.took(LABEL, 2)
    assert times.seconds([], {TRAIN: 4, LABEL: 2}, ON_TWO) is None


def test_jobs_that_wait_are_divided_among_the_cores(times):
    assert times.seconds([], {TRAIN: 6}, ON_TWO) == pytest.approx(300)


def test_of_jobs_at_work_only_the_rest_counts(times):
    at_work = [AtWork(TRAIN, 40), AtWork(TRAIN, 20)]
    assert times.seconds(at_work, {TRAIN: 2}, ON_TWO) == pytest.approx((60 + 80 + 200) / 2)


def test_a_job_that_knows_better_is_believed(times):
    assert times.seconds([AtWork(TRAIN, 40, left=500)], {}, ON_TWO) == 500


def test_the_longest_job_is_waited_for(times):
    assert times.seconds([AtWork(TRAIN, 20)], {LABEL: 3}, ON_TWO) == pytest.approx(80)


def test_a_job_that_overran_its_time_has_a_little_left(times):
    left = times.seconds([AtWork(TRAIN, 5000)], {}, ON_TWO)
    assert 0 < left < 0.1 * 5000


def test_where_jobs_at_work_take_longer_those_that_wait_are_expected_to(times):
    """As on a machine that became busy: the finished ones were quick, the others are not."""
    usual = times.seconds([AtWork(TRAIN, 10)], {TRAIN: 4}, ON_TWO)
    overrun = times.seconds([AtWork(TRAIN, 400)], {TRAIN: 4}, ON_TWO)
    by_own_account = times.seconds([AtWork(TRAIN, 10, left=390)], {TRAIN: 4}, ON_TWO)
    assert usual == pytest.approx((90 + 4 * 100) / 2)
    assert overrun == pytest.approx((20 + 4 * 200) / 2)
    assert by_own_account == pytest.approx((390 + 4 * 200) / 2)
    # What has finished is remembered as it was.
    assert times.expected(TRAIN) == pytest.approx(100)


def test_arms_have_times_of_their_own(times):
    times.took(OTHER_ARM, 1000)
    assert times.seconds([], {OTHER_ARM: 2}, ON_TWO) == pytest.approx(1000)
    assert times.seconds([], {TRAIN: 2}, ON_TWO) == pytest.approx(100)


def test_an_arm_that_is_new_takes_what_the_others_take(times):
    assert times.seconds([], {OTHER_ARM: 2}, ON_TWO) == pytest.approx(100)


def test_a_training_that_tells_its_own_time_tells_that_of_the_others():
    times = TimeLeft()
    at_work = [AtWork(TRAIN, 30, left=70)]
    assert times.seconds(at_work, {TRAIN: 3, OTHER_ARM: 2}, ON_TWO) == pytest.approx(285)


def test_small_steps_that_are_unknown_are_guessed_by_the_pace_of_the_others(times):
    left = times.seconds([], {TRAIN: 2, REPORT: 2}, ON_TWO)
    assert 100 < left < 120


def test_a_job_that_needs_the_whole_machine_has_no_company(times):
    times.needs("train", 1)
    assert times.seconds([], {TRAIN: 6}, ON_TWO) == pytest.approx(600)


@pytest.mark.parametrize(
    ("seconds", "exact", "rounded"),
    [
        (0.2, "1 s", "about 10 s"),
        (44, "44 s", "about 40 s"),
        (84, "84 s", "about 80 s"),
        (130, "2 min", "about 2 min"),
        (500, "8 min", "about 8 min"),
        (41 * 60, "41 min", "about 40 min"),
        (3600, "60 min", "about 60 min"),
        (2 * 3600 + 600, "2 h 10 min", "about 2 h"),
        (2 * 3600 + 1700, "2 h 28 min", "about 2 h 30 min"),
        (50 * 3600, "50 h", "about 50 h"),
    ],
)
def test_times_are_told_as_exact_as_one_needs_them(seconds, exact, rounded):
    assert in_words(seconds) == exact
    assert about(seconds) == rounded
