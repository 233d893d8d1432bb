"""Tables and plots of benchmarks/results, for the README and docs/benchmarks.md.

python -m benchmarks.report [--check]
"""
