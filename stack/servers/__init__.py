"""Making sure of the private servers: what is missing is installed where that is possible."""
