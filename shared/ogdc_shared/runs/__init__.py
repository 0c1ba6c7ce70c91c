"""What can be done with runs; each request to a service is one of these operations."""
