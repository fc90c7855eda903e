"""Plate reading: detector, reader, the pipeline of both, and the process that runs it for the gateway."""
