rule preflight:
    output:
        f"{BRAINS}/preflight.json",
    log:
        f"{RESULTS}/logs/preflight/{{brain}}.log",
    conda:
        "../../envs/volumes.yaml"
    params:
        brain=brain_with("detection", "intensity_range", annotation=True),
        data=stamp_of("signal", "background", "cells", "non_cells"),
        code=code("preflight.py", "io"),
    script:
        "../../scripts/preflight.py"
