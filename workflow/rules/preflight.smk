rule preflight:
    # Goes first, so that bad input is refused before any work.
    priority: 100
    output:
        f"{BRAINS}/preflight.json",
    log:
        f"{RESULTS}/logs/preflight/{{brain}}.log",
    params:
        brain=brain_with("detection", "intensity_range", annotation=True),
        data=stamp_of,
        code=code("preflight.py", "io"),
    conda:
        "../../envs/volumes.yaml"
    script:
        "../../scripts/preflight.py"
