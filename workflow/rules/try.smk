# Detection alone, on the annotated train brains: `snakemake try_detection`. No network is trained,
# and what is detected here a whole run does not detect again.
rule summarise_detection:
    """Count the annotated cells that have a candidate."""
    input:
        detected=of_brains(BRAIN.detected, TUNED_ON),
        found=of_brains(BRAIN.preflight, TUNED_ON),
        choice=CHOICE,
    output:
        summary=RESULTS.detection_summary,
        curves=RESULTS.detection_curves,
    log:
        RESULTS.log("summarise_detection"),
    conda:
        environment("volumes")
    params:
        brains=brains_with(TUNED_ON, "matching", annotation=True),
        given=[name for name in LEARNT_FROM if name in GIVEN],
        keep=CONFIG["detection"]["keep"],
        seed=PROJECT.config.seed,
        data=[data_stamp(PROJECT.brains[brain], ("cells", "non_cells")) for brain in TUNED_ON],
        code=code("summarise_detection"),
    script:
        "../../scripts/summarise_detection.py"


rule show_detection:
    """Look where detection finds the annotated cells of a brain, and where it misses them."""
    input:
        detected=BRAIN.detected,
        summary=RESULTS.detection_summary,
        choice=CHOICE,
    output:
        BRAIN.detection_views,
    log:
        RESULTS.log("show_detection", "{brain}"),
    conda:
        environment("detection")
    threads: 4
    resources:
        # Bounds the planes that are held; a profile may set another.
        mem_mb=16000,
    params:
        brain=brain_with(
            "detection", "matching", "intensity_range", "voxel_size_in_files", annotation=True
        ),
        data=stamp_of("signal", "cells", "non_cells"),
        code=code("show_detection", modules_of_detector),
    script:
        "../../scripts/show_detection.py"


rule try_detection:
    """Write the page on what detection finds and misses, before any network is trained."""
    input:
        RESULTS.detection_summary,
        RESULTS.detection_curves,
        of_brains(BRAIN.detection_views, TUNED_ON),
        of_brains(BRAIN.projection, TUNED_ON),
        choice=CHOICE,
        tuned=list(TUNED.values()),
        notebook=page_file("detection.ipynb"),
        style=STYLE,
    output:
        RESULTS.detection_page,
    log:
        RESULTS.log("try_detection"),
    conda:
        environment("report")
    params:
        results=lambda wildcards: str(RESULTS),
        brains=brains_with(TUNED_ON, "detection"),
        tuned=TUNED,
        draft=DRAFT,
        code=code("try_detection", page_file("detection.ipynb")),
    script:
        "../../scripts/try_detection.py"
