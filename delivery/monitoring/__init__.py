"""How the installation is: its health, each provider's status, what the vendors say, and the drill."""
