"""The REST edge (seed B): bodies and answers, operations, and the openapi.json that is made from both."""
