"""Run the workflow: `run.py ARGUMENTS OF SNAKEMAKE`. A run that was killed goes on by itself."""

import sys

from cellsift.workflow.running import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
