# The base of our programs where no registry is in reach.
FROM postbox/debian:trixie
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt
