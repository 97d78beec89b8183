"""The transport to vendors: connection pools, deadlines, request bodies, and readiness questions."""
