"""How people come in: allauth's pages, within our limits and in the admin's look. See docs/login.md."""
