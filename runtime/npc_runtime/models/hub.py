"""Models from a hub: huggingface_hub knows the address, the access rights and the pinned revision of a file.

The bytes themselves come through `fetch`, because the library's own download starts from nothing after an interruption.
"""

import os
from collections.abc import Mapping

from npc_runtime.errors import ModelError, SetupError
from npc_runtime.models.fetch import Remote
from npc_runtime.models.network import place
from npc_runtime.models.registry import HubSource, ModelEntry, ModelFile

SETTINGS = "HF_ENDPOINT"


def find_file(entry: ModelEntry, source: HubSource, file: ModelFile, environ: Mapping[str, str] = os.environ) -> Remote:
    """Ask the hub for one file of a model.

    Args:
        entry: The model, for messages.
        source: The repository.
        file: The file.
        environ: Where `HF_ENDPOINT` is read from.

    Raises:
        SetupError: The hub cannot be reached, or refuses.
        ModelError: The hub has another file or another revision than the registry says.
    """
    from huggingface_hub import get_hf_file_metadata, get_token, hf_hub_url
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    endpoint = environ.get("HF_ENDPOINT") or None
    url = hf_hub_url(source.repo, source.files[file.name], revision=source.revision, endpoint=endpoint)
    host = place(url)
    where = f"{source.repo} at revision {source.revision[:12]}"
    try:
        found = get_hf_file_metadata(url, endpoint=endpoint)
    except OfflineModeIsEnabled as error:
        raise SetupError(
            "the hub may not be used: HF_HUB_OFFLINE is set", hint="unset HF_HUB_OFFLINE", code="network"
        ) from error
    except GatedRepoError as error:
        raise SetupError(
            f"{source.repo} is given only to people who accepted its terms",
            hint="accept them on its page, then log in with `hf auth login` or set HF_TOKEN",
            code="network",
        ) from error
    except (RepositoryNotFoundError, RevisionNotFoundError, EntryNotFoundError) as error:
        raise SetupError(
            f"{host} does not have {source.files[file.name]} in {where}",
            hint=f"check the server ({SETTINGS}); for a private repository, set HF_TOKEN",
            code="network",
        ) from error
    except HfHubHTTPError as error:
        raise SetupError(
            f"{host} answered with HTTP status {error.response.status_code}",
            hint=f"check the server ({SETTINGS}), or try again later",
            code="network",
        ) from error
    except Exception as error:
        # The library changes its HTTP client, and with it the base class of connection failures, between releases.
        raise SetupError(
            f"cannot reach the hub at {host}",
            hint=f"check the network connection, the proxy (HTTPS_PROXY) and the server's address ({SETTINGS})",
            code="network",
        ) from error
    if found.commit_hash != source.revision or (found.size is not None and found.size != file.size):
        raise ModelError(
            f"{host} has another {file.name} in {where} than the registry knows",
            hint=f"check the server ({SETTINGS}), or correct the registry",
        )
    token = get_token()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return Remote(url, f"the model {entry.id}", file.size, file.sha256, SETTINGS, headers)
