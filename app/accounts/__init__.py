"""Sign-up, sign-in, passwords, proof of e-mail and sessions."""
