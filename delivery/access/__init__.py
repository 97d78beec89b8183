"""Who may use the API: keys and their teams."""
