"""What only Snakemake needs: jobs, locks, hashes of code, messages."""
