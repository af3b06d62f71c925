"""Both servers over TLS, with certificates of an authority that is made on the spot."""
