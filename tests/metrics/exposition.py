"""What a program shows at /metrics, read by Prometheus's own parser."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx
from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True)
class Series:
    name: str
    labels: Mapping[str, str]
    value: float


async def scrape(http: httpx.AsyncClient, url: str) -> list[Series]:
    reply = await http.get(f"{url}/metrics")
    assert reply.status_code == 200
    return [
        Series(sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(reply.text)
        for sample in family.samples
    ]
