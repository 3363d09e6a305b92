"""Test-only: cap the SLURM executor's wait between status checks at $SLURM_TEST_POLL seconds.

snakemake-executor-plugin-slurm 2.8 adds 10 s to the interval after every poll in which no job
finished (no option turns that off), so that short test jobs mostly wait for the next poll.
Use: PYTHONPATH=FOLDER_OF_THIS_FILE SLURM_TEST_POLL=1 snakemake --profile slurm ...
"""

import os

if os.environ.get("SLURM_TEST_POLL") and "SLURM_JOB_ID" not in os.environ:
    import importlib.util

    if importlib.util.find_spec("snakemake_interface_executor_plugins"):
        import asyncio

        from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

        async def _sleep(self, _cap=float(os.environ["SLURM_TEST_POLL"])):
            await asyncio.sleep(min(_cap, self.next_seconds_between_status_checks or _cap))

        RemoteExecutor.sleep = _sleep
