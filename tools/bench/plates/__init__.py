"""The plate gauge: `lvzha bench plates --set DIR`. For other programs: `tools.bench.plates.gauge.gauge`.

Nothing is imported here, so that the training environment can use `seen` and `labelled` without the product's packages.
"""
