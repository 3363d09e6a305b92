"""Made-up brains with known truth: `make_brain` in memory, `write_cohort` for the demo's brains."""

from cellsift.phantom.brain import PhantomBrain, make_brain
from cellsift.phantom.cohort import demo_cohort, write_brain, write_cohort
from cellsift.phantom.settings import BrainSettings, Distractors

__all__ = [
    "BrainSettings",
    "Distractors",
    "PhantomBrain",
    "demo_cohort",
    "make_brain",
    "write_brain",
    "write_cohort",
]
