rule detect_slab:
    input:
        f"{BRAINS}/volumes.json",
    output:
        temp(f"{BRAINS}/detection/detect-{{slab}}.npz"),
    log:
        f"{RESULTS}/logs/detect_slab/{{brain}}/{{slab}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/detect_slab/{{brain}}/{{slab}}.tsv"
    conda:
        environment("detection")
    threads: 4
    resources:
        # Bounds the planes that are held; a profile may set another.
        mem_mb=16000,
    params:
        brain=brain_with("detection", "intensity_range", "voxel_size_in_files"),
        slabs=jobs_of("detection"),
        code=code("detection", "io"),
    script:
        "../../scripts/detect_slab.py"


rule find_centres:
    input:
        slabs_of("detect"),
    output:
        temp(f"{BRAINS}/detection/centres.csv"),
    log:
        f"{RESULTS}/logs/find_centres/{{brain}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/find_centres/{{brain}}.tsv"
    conda:
        environment("detection")
    params:
        brain=brain_with("detection", "intensity_range", "voxel_size_in_files"),
        code=code("detection", "io"),
    script:
        "../../scripts/find_centres.py"


rule contrast_slab:
    input:
        f"{BRAINS}/detection/centres.csv",
    output:
        temp(f"{BRAINS}/detection/contrast-{{slab}}.npz"),
    log:
        f"{RESULTS}/logs/contrast_slab/{{brain}}/{{slab}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/contrast_slab/{{brain}}/{{slab}}.tsv"
    conda:
        environment("detection")
    threads: 4
    resources:
        # Bounds the planes that are held; a profile may set another.
        mem_mb=16000,
    params:
        brain=brain_with("detection", "intensity_range", "voxel_size_in_files"),
        slabs=jobs_of("detection"),
        code=code("detection", "io"),
    script:
        "../../scripts/contrast_slab.py"


# Names what all its steps depend on: theirs are gone when they could be compared.
rule detect:
    input:
        slabs_of(MEASURED),
    output:
        f"{BRAINS}/detected.csv",
    log:
        f"{RESULTS}/logs/detect/{{brain}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/detect/{{brain}}.tsv"
    conda:
        environment("detection")
    params:
        brain=brain_with("detection", "intensity_range", "voxel_size_in_files"),
        data=stamp_of("signal"),
        code=code("detection", "io"),
    script:
        "../../scripts/detect.py"


rule choose_contrast:
    input:
        of_brains("detected.csv", LEARNT_FROM),
    output:
        f"{RESULTS}/detection/threshold.json",
    log:
        f"{RESULTS}/logs/choose_contrast.log",
    conda:
        environment("volumes")
    params:
        brains=brains_with(LEARNT_FROM, "matching", annotation=True),
        keep=CONFIG["detection"]["keep"],
        data=stamps_where_kept_by_contrast(),
        code=code(
            *(
                f"{name}.py"
                for name in (
                    "evaluation/detection_threshold",
                    "labels/matching",
                    "labels/placement",
                )
            ),
            *ANNOTATION,
        ),
    script:
        "../../scripts/choose_contrast.py"


rule keep_candidates:
    input:
        detected=f"{BRAINS}/detected.csv",
        threshold=f"{RESULTS}/detection/threshold.json",
    output:
        f"{BRAINS}/candidates.csv",
    log:
        f"{RESULTS}/logs/keep_candidates/{{brain}}.log",
    conda:
        environment("volumes")
    script:
        "../../scripts/keep_candidates.py"


rule label:
    input:
        candidates=f"{BRAINS}/candidates.csv",
        found=f"{BRAINS}/preflight.json",
    output:
        table=f"{BRAINS}/labels.csv",
        summary=f"{BRAINS}/labels.json",
    log:
        f"{RESULTS}/logs/label/{{brain}}.log",
    conda:
        environment("volumes")
    params:
        brain=brain_with("matching", annotation=True),
        data=stamp_of("cells", "non_cells"),
        code=code("labels/matching.py", "labels/placement.py", *ANNOTATION),
    script:
        "../../scripts/label.py"
