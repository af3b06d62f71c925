# RabbitMQ where no registry is in reach: Debian's package.
FROM postbox/debian:trixie
# The public image's user has this number; files in a volume are the same with both.
RUN groupadd --gid 999 rabbitmq \
    && useradd --uid 999 --gid 999 --home /var/lib/rabbitmq --shell /bin/sh rabbitmq \
    && apt-get update \
    && apt-get install -y --no-install-recommends rabbitmq-server \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/lib/rabbitmq/* /var/lib/rabbitmq/.erlang.cookie \
    && mkdir -p /etc/rabbitmq/conf.d && chown -R rabbitmq:rabbitmq /var/lib/rabbitmq /etc/rabbitmq
# Debian's script on PATH insists on changing users; these do not.
ENV PATH=/usr/lib/rabbitmq/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/var/lib/rabbitmq RABBITMQ_LOGS=- LANG=C.UTF-8
VOLUME /var/lib/rabbitmq
USER 999:999
CMD ["rabbitmq-server"]
