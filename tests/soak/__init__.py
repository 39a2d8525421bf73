"""Ten minutes of bad weather: `make soak`. Not part of `make test`."""
