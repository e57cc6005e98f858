"""Tables into shards, columns into model inputs."""
