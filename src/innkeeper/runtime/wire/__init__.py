"""The formats of others; nobody else knows them."""
