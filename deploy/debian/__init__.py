"""Images made of Debian's packages and PyPI's, where no registry is in reach."""
