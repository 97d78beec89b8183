"""What an email may say: addresses, headers, file names and bodies, and the draft that holds them."""
