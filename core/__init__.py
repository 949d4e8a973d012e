"""The shared engine: data, model, train, evaluate, predict. It knows nothing of any kit."""
