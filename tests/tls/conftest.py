"""One authority and one pair of servers for all tests here."""

from collections.abc import AsyncIterator

import pytest

from tests.tls.certificates import Authority, Certificate
from tests.tls.servers import Servers


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates") / "ours")


@pytest.fixture(scope="session")
def good(authority: Authority) -> Certificate:
    return authority.issue("good")


@pytest.fixture(scope="package")
async def servers(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, good: Certificate
) -> AsyncIterator[Servers]:
    directory = tmp_path_factory.mktemp("tls")
    servers = Servers(directory, ca=authority.certificate, certificate=good)
    async with servers.mongod, servers.rabbitmq:
        yield servers
