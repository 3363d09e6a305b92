rule detect:
    input:
        f"{BRAINS}/preflight.json",
    output:
        f"{BRAINS}/detected.csv",
    log:
        f"{RESULTS}/logs/detect/{{brain}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/detect/{{brain}}.tsv"
    conda:
        "../../envs/detection.yaml"
    threads: 2
    params:
        brain=brain_with("detection", "intensity_range"),
        data=stamp_of,
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
        "../../envs/volumes.yaml"
    params:
        brains=brains_with(LEARNT_FROM, "matching", annotation=True),
        keep=PROJECT.config["detection"]["keep"],
        code=code("evaluation/detection_threshold.py", "evaluation/matching.py"),
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
        "../../envs/volumes.yaml"
    script:
        "../../scripts/keep_candidates.py"


rule label:
    input:
        f"{BRAINS}/candidates.csv",
    output:
        table=f"{BRAINS}/labels.csv",
        summary=f"{BRAINS}/labels.json",
    log:
        f"{RESULTS}/logs/label/{{brain}}.log",
    conda:
        "../../envs/volumes.yaml"
    params:
        brain=brain_with("matching", annotation=True),
        data=stamp_of,
        code=code("evaluation/matching.py", "io/cells.py"),
    script:
        "../../scripts/label.py"
