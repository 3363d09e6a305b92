rule preflight:
    output:
        f"{BRAINS}/preflight.json",
    log:
        f"{RESULTS}/logs/preflight/{{brain}}.log",
    # Goes first, so that bad input is refused before any work.
    priority: 100
    conda:
        "../../envs/volumes.yaml"
    params:
        brain=brain_with("detection", "intensity_range", annotation=True),
        data=stamp_of,
        code=code("preflight.py", "io"),
    script:
        "../../scripts/preflight.py"
