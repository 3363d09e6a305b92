"""Using trained models: classify the candidates of a brain, and measure what a model costs."""
