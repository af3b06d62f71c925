"""Who asks, and what they may do: nobody is asked, or a JWT says so (`GATEWAY_AUTH`)."""
