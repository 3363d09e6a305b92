"""How often arms that are alike are told apart, and arms that differ are not."""
