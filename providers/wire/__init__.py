"""How requests travel: connections, deadlines, bodies, and questions to a vendor."""
