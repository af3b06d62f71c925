"""Everything in containers: the engine where there is none, the images, and compose."""
