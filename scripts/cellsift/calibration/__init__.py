"""From logits to probabilities and decisions: temperature, threshold, combination of arms."""
