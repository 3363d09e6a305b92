"""How far a brain lies from the train brains, and whether that is too far."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellsift.evaluation.alarm.statistics import GROUPS, ONE_SIDED, floors_of, statistic_of

# A group that deviates by more raises the alarm; of one number alone that happens by chance more
# easily. Chosen on cohorts, see reports/alarm.md.
LIMIT, LIMIT_OF_ONE = 2.5, 3.0
# What is known of other cohorts weighs as much as the spread of that many brains of this one.
WEIGHT_OF_FLOOR = 6
# No single number counts for more, so that in a group of many it raises no alarm by itself.
MOST = 10.0


@dataclass(frozen=True)
class Comparison:
    """A brain beside the train brains.

    `statistics`: by statistic its group, value, low and high (the range of the train brains), from
    and to (what would be accepted of this number alone), all on the statistic's scale, and
    deviation. `groups`: by group its deviation, and its limit.
    """

    statistics: pd.DataFrame
    groups: pd.DataFrame

    @property
    def raised(self) -> list[str]:
        """The groups that raise the alarm, the farthest first."""
        far = self.groups[self.groups["deviation"] > self.groups["limit"]]
        return list(far.sort_values("deviation", ascending=False, kind="stable").index)

    @property
    def alarm(self) -> bool:
        return bool(self.raised)


def compare(brain: pd.DataFrame, train: Mapping[str, pd.DataFrame]) -> Comparison:
    """Set a brain's numbers beside those of one or more train brains, without itself.

    Arguments are what `statistics_of` returned. Each number is compared with the mean of the train
    brains, in units of how far a further brain of their cohort would lie from it: by their own
    leave-one-out deviations, and by what is known of other cohorts, as if `WEIGHT_OF_FLOOR` more
    brains had deviated by the statistic's floor; with that of chance added. A group's deviation is
    the root mean square of its numbers'; of groups that only more of something alarms, a number
    that is lower deviates by none. What is unknown of the brain, or of all train brains, is left
    out.
    """
    values = pd.DataFrame({name: table["value"] for name, table in train.items()})
    chance = pd.DataFrame({name: table["variance"] for name, table in train.items()})
    known = values.index[values.notna().any(axis=1)].intersection(
        brain.index[brain["value"].notna()], sort=False
    )
    values, chance, brain = values.loc[known], chance.loc[known], brain.loc[known]
    mean, number = values.mean(axis=1), values.notna().sum(axis=1)
    spread = _variance(values, floors_of(values)) * (1 + 1 / number)
    scale = np.sqrt(spread + brain["variance"] + chance.mean(axis=1) / number)
    group = pd.Series([statistic_of(name).group for name in known], known, dtype=str)
    limit = _limits(group)
    table = pd.DataFrame(
        {
            "group": group,
            "value": brain["value"],
            "low": values.min(axis=1),
            "high": values.max(axis=1),
            "from": mean - limit * scale,
            "to": mean + limit * scale,
            "deviation": ((brain["value"] - mean) / scale).clip(-MOST, MOST),
        },
        index=known,
    )
    counting = table["deviation"].mask(group.isin(ONE_SIDED), table["deviation"].clip(lower=0))
    groups = pd.DataFrame(
        {
            "deviation": np.sqrt(counting.pow(2).groupby(group).mean()),
            "limit": limit.groupby(group).first(),
        }
    )
    return Comparison(table, groups.loc[[name for name in GROUPS if name in groups.index]])


def _limits(group: pd.Series) -> pd.Series:
    """The limit of the group of each number."""
    alone = group.map(group.value_counts()) == 1
    return alone.map({True: LIMIT_OF_ONE, False: LIMIT}).astype(float)


def _variance(values: pd.DataFrame, floors: pd.Series) -> pd.Series:
    """How brains of the cohort differ: of these, and of others as far as these are few."""
    freedom = values.notna().sum(axis=1) - 1
    # Of a brain left out, the distance to the others' mean says the same as its residual here.
    own = values.sub(values.mean(axis=1), axis=0).pow(2).sum(axis=1)
    return (WEIGHT_OF_FLOOR * floors.pow(2) + own) / (WEIGHT_OF_FLOOR + freedom)
