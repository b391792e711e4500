"""The gallery of faces that people enrolled to sign in with."""
