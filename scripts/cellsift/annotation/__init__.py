"""What people are asked to annotate, what they gave back, and how far they agree."""
