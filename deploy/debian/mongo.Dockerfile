# MongoDB where no registry is in reach: the mongod that the embedded stack runs.
FROM postbox/debian:trixie
RUN apt-get update \
    && apt-get install -y --no-install-recommends libcurl4t64 liblzma5 libssl3t64 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt \
    && groupadd --gid 999 mongodb && useradd --uid 999 --gid 999 --home /data/db mongodb \
    && mkdir -p /data/db && chown mongodb:mongodb /data/db
COPY mongod /usr/bin/mongod
VOLUME /data/db
USER 999:999
CMD ["mongod", "--bind_ip_all"]
