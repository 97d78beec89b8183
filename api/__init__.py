"""The HTTP API: authenticate, parse, call one function of `delivery`, answer. Only this package uses REST framework."""
