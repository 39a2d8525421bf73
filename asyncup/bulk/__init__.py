"""Many files: manifest, journal, lanes, runner."""
