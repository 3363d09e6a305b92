"""What a brain's files hold, looked at before any work; bad input is refused here."""
