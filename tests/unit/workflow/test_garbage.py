"""Planning is not interrupted to look for garbage, which is still found in the end."""

import subprocess
import sys

MANY = """
import gc, logging, weakref
from cellsift.workflow.run_start import prepare_process

looked = []
gc.callbacks.append(lambda phase, _: looked.append(phase))

class Job:
    pass

def ring():
    job = Job()
    job.itself = job
    return weakref.ref(job)

prepare_process(logging.getLogger())
looked.clear()
kept = [[number] for number in range(150_000)]
print(len(looked))
dropped = ring()
more = [[number] for number in range(300_000)]
print(dropped() is None)
"""


def test_a_plan_of_many_objects_is_made_at_one_go_and_garbage_is_found_later(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", MANY], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["0", "True"]
