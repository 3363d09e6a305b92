rule tune_detection:
    """Search for a detector and its parameters on the annotated train brains."""
    input:
        of_brains(BRAIN.volumes, TUNED_ON),
        of_brains(BRAIN.preflight, TUNED_ON),
    output:
        choice=RESULTS.detection_choice,
        outcome=RESULTS.detection_outcome,
        config=RESULTS.detection_config,
        trials=RESULTS.detection_trials,
    log:
        RESULTS.log("tune_detection"),
    benchmark:
        RESULTS.benchmark("tune_detection", "all")
    conda:
        environment("detection")
    threads: 4
    resources:
        mem_mb=16000,
    params:
        brains=brains_with(
            TUNED_ON,
            *("cuboid", "detection", "matching", "intensity_range", "voxel_size_in_files"),
            annotation=True,
        ),
        journal=str(RESULTS.detection_journal),
        seed=PROJECT.config.seed,
        data=stamps_where_searched(),
        code=code("tune_detection", modules_of_any_detector),
    script:
        "../../scripts/tune_detection.py"


rule detect_slab:
    """Look for candidates in a slab of a brain."""
    input:
        BRAIN.volumes,
        choice=CHOICE,
    output:
        temp(BRAIN.slab("detect", "{slab}")),
    log:
        RESULTS.log("detect_slab", "{brain}/{slab}"),
    benchmark:
        RESULTS.benchmark("detect_slab", "{brain}/{slab}")
    conda:
        environment("detection")
    threads: 4
    resources:
        # Bounds the planes that are held; a profile may set another.
        mem_mb=16000,
    params:
        brain=brain_with("detection", "intensity_range", "voxel_size_in_files"),
        slabs=jobs_of("detection"),
        code=code("detect_slab", modules_of_detector),
    script:
        "../../scripts/detect_slab.py"


rule find_centres:
    """Find somata in what was marked in all slabs of a brain."""
    input:
        slabs=slabs_of("detect"),
        choice=CHOICE,
    output:
        temp(BRAIN.centres),
    log:
        RESULTS.log("find_centres", "{brain}"),
    benchmark:
        RESULTS.benchmark("find_centres", "{brain}")
    conda:
        environment("detection")
    params:
        brain=brain_with("detection", "intensity_range", "voxel_size_in_files"),
        code=code("find_centres", modules_of_detector),
    script:
        "../../scripts/find_centres.py"


rule contrast_slab:
    """Measure the contrast of a brain's candidates in a slab."""
    input:
        centres=BRAIN.centres,
        # A detector that is searched for may have measured the contrast already.
        found=[BRAIN.slab("detect", "{slab}")] if SEARCHES else [],
        choice=CHOICE,
    output:
        temp(BRAIN.slab("contrast", "{slab}")),
    log:
        RESULTS.log("contrast_slab", "{brain}/{slab}"),
    benchmark:
        RESULTS.benchmark("contrast_slab", "{brain}/{slab}")
    conda:
        environment("detection")
    threads: 4
    resources:
        # Bounds the planes that are held; a profile may set another.
        mem_mb=16000,
    params:
        brain=brain_with("detection", "intensity_range", "voxel_size_in_files"),
        slabs=jobs_of("detection"),
        code=code("contrast_slab", modules_of_detector),
    script:
        "../../scripts/contrast_slab.py"


# Names what all its steps depend on: theirs are gone when they could be compared.
rule detect:
    """Gather the candidates of all slabs of a brain."""
    input:
        slabs=slabs_of(MEASURED),
        choice=CHOICE,
    output:
        BRAIN.detected,
    log:
        RESULTS.log("detect", "{brain}"),
    benchmark:
        RESULTS.benchmark("detect", "{brain}")
    conda:
        environment("detection")
    params:
        brain=brain_with("detection", "intensity_range", "voxel_size_in_files"),
        data=stamp_of("signal"),
        code=code("detect", "detect_slab", "find_centres", "contrast_slab", modules_of_detector),
    script:
        "../../scripts/detect.py"


rule choose_contrast:
    """Choose the contrast that a candidate must have to be kept."""
    input:
        detected=of_brains(BRAIN.detected, TUNED_ON),
        volumes=of_brains(BRAIN.volumes, TUNED_ON),
        choice=CHOICE,
    output:
        RESULTS.contrast_threshold,
    log:
        RESULTS.log("choose_contrast"),
    conda:
        environment("volumes")
    params:
        brains=brains_with(TUNED_ON, "matching", annotation=True),
        keep=CONFIG["detection"]["keep"],
        data=stamps_where_kept_by_contrast(),
        code=code("choose_contrast"),
    script:
        "../../scripts/choose_contrast.py"


rule keep_candidates:
    """Drop candidates below the chosen contrast."""
    input:
        detected=BRAIN.detected,
        threshold=RESULTS.contrast_threshold,
    output:
        BRAIN.candidates,
    log:
        RESULTS.log("keep_candidates", "{brain}"),
    wildcard_constraints:
        brain=one_of(DETECTED),
    conda:
        environment("volumes")
    params:
        code=code("keep_candidates"),
    script:
        "../../scripts/keep_candidates.py"


rule take_candidates:
    """Take over the candidates that another program has found in a brain."""
    input:
        BRAIN.volumes,
    output:
        BRAIN.candidates,
    log:
        RESULTS.log("take_candidates", "{brain}"),
    wildcard_constraints:
        brain=one_of(GIVEN),
    priority: 100
    # What was found does not change by asking again.
    retries: 0
    conda:
        environment("volumes")
    params:
        brain=brain_with("voxel_size_in_files", candidates=True),
        data=stamp_of("candidates"),
        code=code("take_candidates"),
    script:
        "../../scripts/take_candidates.py"


rule label:
    """Tell by the annotation which candidates are cells."""
    input:
        candidates=BRAIN.candidates,
        found=BRAIN.preflight,
        choice=CHOICE,
    output:
        table=BRAIN.labels,
        summary=BRAIN.labels_summary,
        positions=BRAIN.annotation,
        quality=BRAIN.annotation_quality,
    log:
        RESULTS.log("label", "{brain}"),
    conda:
        environment("volumes")
    params:
        brain=brain_with("matching", annotation=True, candidates=True),
        data=stamp_of("cells", "non_cells"),
        code=code("label"),
    script:
        "../../scripts/label.py"
