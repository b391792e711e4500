"""The monolith: GraphQL, REST, the liveness stream, and the services behind them."""
