"""What teams write once and use in many emails: kept, published, and looked up. Writing it out is content's."""
