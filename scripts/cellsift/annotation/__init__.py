"""What people are asked to annotate, and what they gave back."""
