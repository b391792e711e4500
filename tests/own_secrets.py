"""What a server that others can reach must be given; public here, and good for nothing but tests."""

OWN_SECRETS = {
    "SECRET_KEY": "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0",
    "LIVENESS_SECRET": "Z9y8X7w6V5u4T3s2R1q0P9o8N7m6L5k4J3i2H1g0",
    "ENCRYPTION_KEYS": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
}
