"""The REST API under `/api/v1`: customers, orders, cases, products and tasks for other programs."""
