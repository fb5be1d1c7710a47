"""Strategy times universe to a vectorbt portfolio; costs; the result store."""
