"""The demonstration: an invented company, its customers and their tickets, made through the product's own ways."""
