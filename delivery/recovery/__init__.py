"""What a dead process left: its emails are rescued, and one that ends its processes is put into quarantine."""
