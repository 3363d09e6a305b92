"""Why a classifier decided as it did: examples chosen, saliency computed, pictures drawn."""
