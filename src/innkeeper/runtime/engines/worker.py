"""The program of a child: llama.cpp's own server out of the `xllamacpp` wheel, told what to do over a socket.

It is started with nothing to do, so that the slow part, Python and the library, is over before a model is wanted:
`{"is": "spare"}` goes out, one line with a `Launch` comes in, `{"is": "ready"}` or `{"is": "failed"}` goes out. The
socket is also a leash: when its other end closes, the worker leaves.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import socket
import sys
from typing import Any

from innkeeper.runtime.engines.launch import Launch, Role
from innkeeper.runtime.engines.tether import tether

WARNINGS = 2
"""llama.cpp's verbosity: errors and warnings. One level more writes six lines per request."""


def main(parent_pid: int, leash_fd: int) -> None:
    """Serve one model until the leash is let go."""
    tether(parent_pid)
    leash = socket.socket(fileno=leash_fd)
    import xllamacpp

    # The first question to the library finds its devices and touches its code: better now than in a load.
    xllamacpp.get_device_info()
    _tell(leash, {"is": "spare", "build": importlib.metadata.version("xllamacpp")})
    job = _line(leash)
    if job is None:
        return
    try:
        server = xllamacpp.Server(parameters(Launch.from_json(job)))
    except RuntimeError as error:  # its reason is in the log, which our parent reads
        _tell(leash, {"is": "failed", "why": str(error)})
        sys.exit(1)
    _tell(leash, {"is": "ready"})
    _line(leash)
    del server
    os._exit(0)  # no teardown: the kernel takes the memory back faster and more surely


def parameters(launch: Launch) -> Any:  # xllamacpp has no types
    """The same things `llama_server.arguments` says in flags, as the library's own parameters."""
    import xllamacpp as x

    p = x.CommonParams()
    p.model.path = launch.file
    p.model_alias = {launch.name}
    p.hostnames = [launch.socket]
    p.n_threads_http = launch.http_threads
    p.verbosity = WARNINGS

    p.n_ctx = launch.total_context
    p.n_parallel = launch.slots
    p.kv_unified = False
    p.ctx_shift = False
    p.fit_params = False
    p.cache_type_k = p.cache_type_v = x.ggml_type[f"GGML_TYPE_{launch.cache_type.upper()}"]
    p.n_batch = launch.batch_tokens
    p.n_ubatch = launch.micro_batch_tokens
    p.n_gpu_layers = launch.gpu_layers
    p.no_extra_bufts = not launch.repack
    p.flash_attn_type = (
        x.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_AUTO
        if launch.flash_attention
        else x.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    )
    p.swa_full = launch.full_window_cache
    p.load_mode = x.llama_load_mode.LLAMA_LOAD_MODE_MMAP
    p.lazy_mode = x.llama_lazy_mode.LLAMA_LAZY_MODE_OFF
    p.warmup = False
    p.cpuparams.n_threads = p.cpuparams_batch.n_threads = launch.threads

    p.cache_prompt = True
    p.cache_ram_mib = launch.prompt_cache_mib
    p.cache_idle_slots = launch.prompt_cache_mib > 0
    p.n_ctx_checkpoints = launch.checkpoints
    p.cont_batching = True
    p.use_jinja = True
    p.ui = False
    p.cors_origins, p.cors_origins_explicit = "", True  # no browser reaches a socket in a private folder
    p.offline = True
    p.endpoint_slots = True

    p.embedding = launch.role is not Role.GENERATES
    pooling = "rank" if launch.role is Role.RERANKS else launch.pooling
    if pooling is not None:
        p.pooling_type = x.llama_pooling_type[f"LLAMA_POOLING_TYPE_{pooling.upper()}"]
    return p


def _tell(leash: socket.socket, said: dict[str, str]) -> None:
    leash.sendall(json.dumps(said).encode() + b"\n")


def _line(leash: socket.socket) -> bytes | None:
    """The next line, or None when the other end is gone."""
    got = b""
    while not got.endswith(b"\n"):
        part = leash.recv(1 << 16)
        if not part:
            return None
        got += part
    return got


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
