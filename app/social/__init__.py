"""Other people's sign-in: identities at providers, and what they open here."""
