"""The provider that the settings ask for."""

from postbox.errors import ConfigurationError
from postbox.extras import MissingExtra
from services.payment.provider.port import HttpProvider, Provider
from services.payment.provider.settings import ProviderSettings


def open_provider(settings: ProviderSettings) -> Provider:
    """ConfigurationError where the extra of the one that is asked for is not installed."""
    if settings.payment_provider == "simulator":
        return HttpProvider(str(settings.provider_url))
    try:
        from services.payment.provider.stripe import StripeProvider
    except MissingExtra as error:
        raise ConfigurationError(f"PAYMENT_PROVIDER: {error}") from None
    assert settings.stripe_api_key is not None
    address = settings.stripe_base_address
    return StripeProvider(
        settings.stripe_api_key.get_secret_value(), address=str(address) if address else None
    )
