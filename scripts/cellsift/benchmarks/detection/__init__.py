"""How well, and how quickly, the search for a detector chooses."""
