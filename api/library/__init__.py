"""templates/, layouts/, partials/ and signatures/: what teams write once and use in many emails."""
