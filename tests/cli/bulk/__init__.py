"""The commands around bulk runs, as a person runs them."""
