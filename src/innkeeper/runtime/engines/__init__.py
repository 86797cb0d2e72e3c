"""How a model runs: one adapter for each kind of engine, each model in a process of its own."""
