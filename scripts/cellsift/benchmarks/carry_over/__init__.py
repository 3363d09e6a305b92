"""What an arm carries over to a brain that it did not learn from, with and without labels of it."""
