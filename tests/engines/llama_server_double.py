"""A llama-server that is not built from C++ but answers like one: the same server code, out of the wheel.

It knows the flags of its help and refuses all others with the real one's words, as the real one does. A test
installs it as an executable file; `old` leaves out what older versions did not have.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

VERSION = "11549 (0123abcd)"

HELP = """\
----- common params -----

-h,    --help, --usage                  print usage and exit
--version                               show version and build info
-t,    --threads N                      number of CPU threads to use during generation (default: -1)
                                        (env: LLAMA_ARG_THREADS)
-tb,   --threads-batch N                number of threads to use during batch and prompt processing
-c,    --ctx-size N                     size of the prompt context (default: 0, 0 = loaded from model)
-b,    --batch-size N                   logical maximum batch size (default: 2048)
-ub,   --ubatch-size N                  physical maximum batch size (default: 512)
-fa,   --flash-attn [on|off|auto]       set Flash Attention use ('on', 'off', or 'auto', default: 'auto')
-ctk,  --cache-type-k TYPE              KV cache data type for K
-ctv,  --cache-type-v TYPE              KV cache data type for V
-ngl,  --gpu-layers, --n-gpu-layers N   max. number of layers to store in VRAM
--repack, -nr, --no-repack              whether to enable weight repacking (default: enabled)
-m,    --model FNAME                    model path to load
----- server-specific params -----
-np,   --parallel N                     number of server slots (default: -1, -1 = auto)
-a,    --alias STRING                   set model name aliases, comma-separated (to be used by API)
--host HOST                             ip address to listen, or bind to an UNIX socket if the address ends with .sock
--embedding, --embeddings               restrict to only support embedding use case
--rerank, --reranking                   enable reranking endpoint on server
--pooling {none,mean,cls,last,rank}     pooling type for embeddings, use model default if unspecified
--jinja, --no-jinja                     whether to use jinja template engine for chat
--slots, --no-slots                     expose slots monitoring endpoint (default: enabled)
"""

NEWER_HELP = """\
-lm,   --load-mode MODE                 model loading mode (default: auto)
-lzm,  --lazy-mode MODE                 on-demand reading of certain tensors (default: auto)
-fit,  --fit [on|off]                   whether to adjust unset arguments to fit in device memory (default: 'on')
--offline                               Offline mode: forces use of cache, prevents network access
--swa-full                              use full-size SWA cache (default: false)
-ctxcp, --ctx-checkpoints, --swa-checkpoints N   max number of context checkpoints to create per slot (default: 32)
-cram, --cache-ram N                    set the maximum cache size in MiB (default: 8192, -1 - no limit, 0 - disable)
-kvu,  --kv-unified, -no-kvu, --no-kv-unified   use single unified KV buffer shared across all sequences
--context-shift, --no-context-shift     whether to use context shift on infinite text generation (default: disabled)
--warmup, --no-warmup                   whether to perform warmup with an empty run (default: enabled)
--threads-http N                        number of threads used to process HTTP requests (default: -1)
--ui, --no-ui, --webui, --no-webui      whether to enable the Web UI (default: enabled)
"""

SWITCHES = frozenset(
    {
        *("--repack", "--no-repack", "--embeddings", "--embedding", "--reranking", "--rerank", "--jinja", "--slots"),
        *("--offline", "--swa-full", "--no-kv-unified", "--no-context-shift", "--no-warmup", "--no-ui", "--no-webui"),
    }
)


def install(folder: Path, *, old: bool = False) -> Path:
    """The double as an executable file in `folder`."""
    program = folder / "llama-server"
    checkout = Path(__file__).resolve().parents[2]
    program.write_text(
        f"#!{sys.executable}\n"
        f"import sys\nsys.path.insert(0, {str(checkout)!r})\n"
        f"from tests.engines.llama_server_double import main\nmain(sys.argv[1:], old={old})\n"
    )
    program.chmod(0o755)
    return program


def main(words: list[str], *, old: bool) -> None:
    """What the program does."""
    flags = HELP if old else HELP + NEWER_HELP
    if words == ["--version"]:
        sys.stderr.write(f"version: {VERSION}\nbuilt with cc (GCC) for Linux x86_64\n")
    elif words == ["--help"]:
        sys.stdout.write(flags)
    else:
        serve(parsed(words, flags))


def parsed(words: list[str], flags: str) -> dict[str, str]:
    """Values by flag; ends the process at a flag that the help does not name."""
    known = {word.strip(",") for line in flags.splitlines() for word in line[:48].split() if word.startswith("-")}
    found = {}
    rest = iter(words)
    for word in rest:
        if word not in known:
            sys.stderr.write(f"error: invalid argument: {word}\n")
            sys.exit(1)
        found[word] = "" if word in SWITCHES else next(rest)
    return found


def serve(told: dict[str, str]) -> None:
    """Run the server and write the lines the real one writes."""
    import xllamacpp as x

    p = x.CommonParams()

    def set_path(value: str) -> None:
        p.model.path = value

    def set_threads(value: str) -> None:
        p.cpuparams.n_threads = int(value)

    def set_reranking(_: str) -> None:
        p.embedding = True
        p.pooling_type = x.llama_pooling_type.LLAMA_POOLING_TYPE_RANK

    setters: dict[str, Callable[[str], Any]] = {
        "--model": set_path,
        "--threads": set_threads,
        "--host": lambda value: setattr(p, "hostnames", [value]),
        "--alias": lambda value: setattr(p, "model_alias", {value}),
        "--ctx-size": lambda value: setattr(p, "n_ctx", int(value)),
        "--parallel": lambda value: setattr(p, "n_parallel", int(value)),
        "--batch-size": lambda value: setattr(p, "n_batch", int(value)),
        "--ubatch-size": lambda value: setattr(p, "n_ubatch", int(value)),
        "--cache-type-k": lambda value: setattr(p, "cache_type_k", x.ggml_type[f"GGML_TYPE_{value.upper()}"]),
        "--cache-type-v": lambda value: setattr(p, "cache_type_v", x.ggml_type[f"GGML_TYPE_{value.upper()}"]),
        "--cache-ram": lambda value: setattr(p, "cache_ram_mib", int(value)),
        "--embeddings": lambda _: setattr(p, "embedding", True),
        "--reranking": set_reranking,
        "--no-warmup": lambda _: setattr(p, "warmup", False),
    }
    p.fit_params = False
    for flag, value in told.items():
        if flag in setters:
            setters[flag](value)
    server = x.Server(p)
    sys.stdout.write("main: server is listening\n")
    sys.stdout.flush()
    while server:
        time.sleep(3600)
