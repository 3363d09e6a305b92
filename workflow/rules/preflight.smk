# Bad input is refused first. Volumes and annotation apart: a corrected annotation detects nothing
# again. Looked at and refused apart, too: the index page waits for every look, and names those that
# are refused.
rule check_volumes:
    output:
        f"{BRAINS}/checked.json",
    log:
        f"{RESULTS}/logs/check_volumes/{{brain}}.log",
    priority: 100
    conda:
        environment("volumes")
    params:
        brain=brain_with("detection", "intensity_range", "voxel_size_in_files"),
        slabs=jobs_of("detection"),
        data=stamp_of("signal", "background"),
        code=code("check_volumes", modules_of_detector),
    script:
        "../../scripts/check_volumes.py"


rule accept_volumes:
    input:
        f"{BRAINS}/checked.json",
    output:
        f"{BRAINS}/volumes.json",
    log:
        f"{RESULTS}/logs/accept_volumes/{{brain}}.log",
    priority: 100
    # What was found does not change by asking again.
    retries: 0
    conda:
        environment("volumes")
    params:
        code=code("accept_volumes"),
    script:
        "../../scripts/accept_volumes.py"


rule preflight:
    input:
        f"{BRAINS}/volumes.json",
    output:
        f"{BRAINS}/preflight.json",
    log:
        f"{RESULTS}/logs/preflight/{{brain}}.log",
    priority: 100
    conda:
        environment("volumes")
    params:
        brain=brain_with(annotation=True),
        role=lambda wildcards: PROJECT.brains[wildcards.brain].role,
        beside=told_beside_others,
        data=stamp_of("cells", "non_cells"),
        code=code("preflight"),
    script:
        "../../scripts/preflight.py"
