"""llama.cpp's own server, from the prebuilt wheels of xllamacpp."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from npc_runtime.llm.child import ChildConfig

_BATCH = 128
"""Tokens per step while a prompt is read: the server notices a cancelled request between steps."""

_server: Any = None
"""Kept here so that the server lives as long as the process."""


def serve(config: "ChildConfig") -> str:
    """Start serving in native threads.

    Returns:
        The server's address.

    Raises:
        Exception: Whatever the engine says about the model.
    """
    global _server
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = config.model
    gpu_layers = config.gpu_layers if _can_offload(xllamacpp) else 0
    params.n_gpu_layers = gpu_layers
    params.fit_params = False
    params.n_parallel = config.slots
    params.n_ctx = config.context * config.slots
    params.n_batch = params.n_ubatch = _BATCH
    params.cache_ram_mib = config.cache_mb
    if not gpu_layers:  # on a processor flash attention costs a third of the speed once the prompt is long
        params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.cpuparams.n_threads = config.threads
    params.cpuparams_batch.n_threads = config.batch_threads
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [config.api_key]
    # Without these the server answers any web page that knows the port.
    params.cors_origins = "http://127.0.0.1"
    params.cors_credentials = False
    params.ui = False
    params.endpoint_slots = False
    # Our own prompts go in ready made. A named template keeps the one inside the model file from being rendered.
    params.use_jinja = False
    params.chat_template = "chatml"
    params.verbosity = 0
    _server = xllamacpp.Server(params)
    return str(_server.listening_address)


def _can_offload(xllamacpp: Any) -> bool:
    """Whether this build found a graphics processor; the usual wheels for Linux know of none."""
    kinds = xllamacpp.ggml_backend_dev_type
    graphics = (kinds.GGML_BACKEND_DEVICE_TYPE_GPU, kinds.GGML_BACKEND_DEVICE_TYPE_IGPU)
    return any(device["type"] in graphics for device in xllamacpp.get_device_info())
