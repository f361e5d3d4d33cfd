"""What an operator hears of the server: metrics, lines of the log, traces."""
