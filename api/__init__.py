"""HTTP in: authenticate, parse, call one verb of `delivery`, answer. Django REST Framework lives here only."""
