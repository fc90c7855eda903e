"""Training of the plate models and the plate renderer; never needed to run the product."""
