"""An open reader beside this one, on the same pictures in one run: `python -m tools.bench.plates.open_reader --set DIR`."""
