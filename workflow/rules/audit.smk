# Without outputs, so that every call runs it.
rule audit:
    log:
        f"{RESULTS}/logs/audit.log",
    threads: ALL_CORES
    resources:
        gpu=GPU,
        mem_mb=4000,
        runtime=240,
    params:
        results=RESULTS,
        audit=CONFIG.audit.resolved(),
    script:
        "../scripts/audit.py"
