"""Drawn scoring sets: what no training sample shows. `python -m tools.bench.plates.make --set kinds --out DIR`.

Held out: the typeface (models.train.plates.held_out_typeface, which training cannot open), the vehicles and yards of
the simulator (no training module imports it), the fading of the plates and the weather (plate.py, weather.py), which
are other operations than those of models/train/wear.py. Reported apart, never averaged with real pictures.
"""
