"""Everything that knows HTTP: request facts, cookies, headers, problems, small REST routes."""
