"""What is measured for the reports: costs of arms, and the rehearsal of a whole brain."""
