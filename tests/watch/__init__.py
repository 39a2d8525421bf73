"""What is watched during every test: that nothing is left behind, and that our code never blocks the event loop."""
