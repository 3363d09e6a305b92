"""The steps of the flow, one function in a module each: files in, files out.

A rule's script, a command and a test alike call them. They are given paths and settings, and know
nothing of Snakemake or of where results lie. A module imports only what its own step needs: a job
starts as soon as that is loaded, and is done again when that changes.
"""
