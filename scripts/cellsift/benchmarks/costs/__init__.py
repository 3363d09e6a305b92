"""What every arm costs on a device, as a table for the reader of the repository."""
