"""The regions that a brain is divided into, as an atlas or a person gives them."""
