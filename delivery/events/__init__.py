"""Provider events in: recorded once each, matched to an attempt, and from them what became of each recipient."""
