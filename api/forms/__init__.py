"""Forms: multipart/form-data and application/x-www-form-urlencoded, as the world's clients write them."""
