# Bad input is refused first. Volumes and annotation apart: a corrected annotation detects nothing
# again. Looked at and refused apart, too: the index page waits for every look, and names those that
# are refused.
rule check_volumes:
    """Note what a brain's volumes are, or why they cannot be worked on."""
    output:
        BRAIN.checked,
    log:
        RESULTS.log("check_volumes", "{brain}"),
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
    """Refuse volumes that cannot be worked on."""
    input:
        BRAIN.checked,
    output:
        BRAIN.volumes,
    log:
        RESULTS.log("accept_volumes", "{brain}"),
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
    """Refuse an annotation that does not fit its volume; note what a brain is."""
    input:
        BRAIN.volumes,
    output:
        BRAIN.preflight,
    log:
        RESULTS.log("preflight", "{brain}"),
    priority: 100
    conda:
        environment("volumes")
    params:
        brain=brain_with("voxel_size_in_files", annotation=True, candidates=True),
        role=lambda wildcards: PROJECT.brains[wildcards.brain].role,
        shared=doubts_of_shared_files,
        data=stamp_of("cells", "non_cells", "candidates"),
        code=code("preflight"),
    script:
        "../../scripts/preflight.py"


rule check_regions:
    """Refuse an image of regions that does not fit its brain."""
    input:
        BRAIN.volumes,
    output:
        BRAIN.regions,
    log:
        RESULTS.log("check_regions", "{brain}"),
    priority: 100
    # What was found does not change by asking again.
    retries: 0
    conda:
        environment("volumes")
    params:
        brain=brain_with(regions=True),
        data=stamp_of("regions", "region_names"),
        code=code("check_regions"),
    script:
        "../../scripts/check_regions.py"
