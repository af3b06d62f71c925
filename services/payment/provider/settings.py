"""Which payment provider, and how it is reached."""

from typing import Annotated, Literal

from pydantic import AfterValidator, AnyHttpUrl, Field, SecretStr, ValidationInfo, field_validator

from postbox.service import Settings


def _several(secret: SecretStr) -> SecretStr:
    if not all(one.strip() for one in secret.get_secret_value().split(",")):
        raise ValueError("a secret is empty")
    return secret


Several = Annotated[SecretStr, AfterValidator(_several)]


class ProviderSettings(Settings):
    """How the payment provider is reached."""

    payment_provider: Literal["simulator", "stripe"] = "simulator"
    """`simulator`, or `stripe` with the extra `[stripe]`."""
    provider_url: AnyHttpUrl | None = Field(default=None, validate_default=True)
    """The simulator's API. Required where it is the provider."""
    stripe_api_key: SecretStr | None = Field(default=None, validate_default=True)
    """A secret or restricted key of Stripe's. Required where Stripe is the provider."""
    stripe_base_address: AnyHttpUrl | None = None
    """Another address than Stripe's own, such as the simulator's."""

    @field_validator("provider_url", "stripe_api_key")
    @classmethod
    def _of_the_provider(cls, value: object, info: ValidationInfo) -> object:
        owner = "stripe" if info.field_name == "stripe_api_key" else "simulator"
        if value is None and info.data.get("payment_provider") == owner:
            raise ValueError(f"not set, and PAYMENT_PROVIDER is {owner}")
        return value
