"""From the settings to an online model: which service is meant, and how it is used."""

from pydantic import SecretStr

from npc_runtime.config import LlmFallback, LlmSettings
from npc_runtime.errors import InputError
from npc_runtime.llm.backend import ReplyFormat
from npc_runtime.llm.keys import sendable
from npc_runtime.llm.online import OnlineModel
from npc_runtime.llm.providers import Capabilities, Provider, Providers, custom

_NONE = SecretStr("")


def online_model(
    service: LlmSettings | LlmFallback,
    providers: Providers,
    settings: LlmSettings,
    *,
    can: Capabilities | None = None,
    small: bool = False,
    key: SecretStr = _NONE,
) -> OnlineModel:
    """The model that some settings name.

    Args:
        service: Where it is: `settings` themselves, or one of their fallbacks. The key in `settings` belongs to the
            service that they name; a fallback at another one has its own variable or the system keyring.
        providers: The known services.
        settings: Timeouts, the form of replies and the key.
        can: What the service does, if somebody has found out, as with a server on this machine.
        small: Whether long prompts and many choices are too much for the model.
        key: Of the service, where the settings have none.

    Raises:
        InputError: There is no such provider, no address, or that is none.
    """
    provider = chosen_provider(service, providers, can=can)
    own = chosen_provider(settings, providers) if settings.provider or settings.base_url else None
    if own is not None and own.base_url == provider.base_url:
        key = sendable(settings.api_key, provider, from_file=settings.from_file) or key
    return OnlineModel(
        provider,
        service.model,
        key=key,
        reply_format=_format(settings, provider),
        small=small,
        connect_timeout=settings.connect_timeout,
        first_token_timeout=settings.first_token_timeout,
        timeout=settings.timeout,
    )


def chosen_provider(
    service: LlmSettings | LlmFallback, providers: Providers, *, can: Capabilities | None = None
) -> Provider:
    """The service that some settings name: a preset, a preset at another address, or any address.

    Raises:
        InputError: There is no such provider, no address, or that is none.
    """
    if service.provider:
        provider = providers.get(service.provider).at(service.base_url)
        return provider if can is None else provider.model_copy(update={"can": can})
    if service.base_url:
        return custom(service.base_url, can=can)
    raise InputError(
        "No language service is set.",
        hint="set llm.provider, such as groq, or llm.base_url to the address of any other",
    )


def _format(settings: LlmSettings, provider: Provider) -> ReplyFormat:
    return provider.reply_format if settings.reply_format == "auto" else settings.reply_format
