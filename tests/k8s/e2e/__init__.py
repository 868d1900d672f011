"""podring on a real cluster, end to end: see ../run-e2e."""
