"""What Vault holds already: looked up before a file is sent, compared after it was. Must not know runs."""
