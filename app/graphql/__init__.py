"""The GraphQL edge: schema binding, the HTTP handler and its limits, one resolver module per slice."""
