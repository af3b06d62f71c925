"""The payment service, put together."""

import asyncio

from starlette.routing import Route

from contracts.events import Event
from contracts.events import decode as decode_data
from contracts.topology import EXCHANGE, QUEUES
from postbox.events import Event as Envelope
from postbox.mongo import Database, ensure_collections
from postbox.rabbitmq import Topology
from postbox.service import Service, load
from services.payment import metrics
from services.payment.http import PaymentApi
from services.payment.overdue import Overdue
from services.payment.provider.choice import open_provider
from services.payment.provider.jobs import Captures, Refunds
from services.payment.provider.port import HttpProvider, Provider
from services.payment.provider.reconciliation import Reconciler
from services.payment.provider.worker import Worker
from services.payment.settings import PaymentSettings
from services.payment.webhook.intake import Intake
from services.payment.webhook.problems import PROBLEMS
from services.payment.webhook.signature import Signatures
from services.payment.work import Handle, Ledger


async def main(stop: asyncio.Event) -> None:
    """Run until `stop` is set."""
    settings = load(PaymentSettings)
    metrics.begin()
    topology = Topology(exchange=EXCHANGE, queues=QUEUES)
    service = Service.configured("payment", settings, topology=topology)
    provider = open_provider(settings)
    ledger = Ledger(service.database, service.outbox)
    intake = Intake(service.database, ledger, service.clock)
    service.consume(
        "payment.events",
        decode=_decode,
        handler=Handle(service.database),
        applied=lambda decisions: ledger.committed(one.outcome for one in decisions),
        decision_attribute="booking.decision",
    )
    for job in (Refunds(provider), Captures(provider)):
        worker = Worker(job, service.database, ledger, service.clock)
        ledger.when_due(worker.wake)
        service.also(worker.run)
    reconciler = Reconciler(
        provider, service.database, intake, interval_s=settings.reconcile_interval_s
    )
    service.also(reconciler.run)
    limit_s = settings.payment_timeout_s + settings.intent_timeout_s
    service.also(Overdue(service.database, service.clock, limit_s=limit_s).run)
    try:
        await service.run(
            stop,
            host=settings.http_host,
            port=settings.payment_port,
            routes=_routes(settings, service, intake, provider),
            problems=PROBLEMS,
            prepare=_prepare,
        )
    finally:
        await provider.close()


def _routes(
    settings: PaymentSettings, service: Service, intake: Intake, provider: Provider
) -> list[Route]:
    """The webhook is the provider's own."""
    if isinstance(provider, HttpProvider):
        return PaymentApi(service, intake, Signatures(settings.webhooks)).routes
    from services.payment.provider.stripe import StripeApi, StripeProvider, StripeSignatures

    assert isinstance(provider, StripeProvider)
    signatures = StripeSignatures(settings.stripe_secrets)
    return StripeApi(service, intake, provider, signatures).routes


async def _prepare(database: Database) -> None:
    await ensure_collections(
        database, "payments", "refunds", "disputes", "captures", "closed_intents"
    )
    await Worker.prepare(database)
    await Overdue.prepare(database)


def _decode(envelope: Envelope) -> Event:
    return decode_data(envelope.type, envelope.data)
