"""What annotators have marked: read, merged, and how far they agree."""
