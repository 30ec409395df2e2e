"""Reads a file as OpenMetrics, strictly: openmetrics.py FILE."""

import sys

from prometheus_client.openmetrics.parser import text_fd_to_metric_families

with open(sys.argv[1], encoding="utf-8") as file:
    families = list(text_fd_to_metric_families(file))
print(f"OpenMetrics: {len(families)} families, {sum(len(family.samples) for family in families)} samples")
