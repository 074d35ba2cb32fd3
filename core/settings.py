"""Every setting of the server, with its bounds, its default and its words.

``core.config`` reads them from files, environment and flags. Knows no source.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from core import naming

LIVE = frozenset(
    {
        "log_level",
        "language",
        "preview_rate",
        "trash_days",
        "download_name",
        "hf_token",
        "when_client_leaves",
    }
)  # may change running
SECRET = frozenset({"token", "hf_token", "install_tokens"})


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting of the server. The names are those of the flags and the environment."""

    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="TCP port; 0 picks a free one.")] = 9292
    data_dir: Annotated[str, Meta(description="Where the database, pictures and models live.")] = ""
    models_dirs: Annotated[
        list[str], Meta(description="Further folders that are scanned for models.")
    ] = []
    picture_dirs: Annotated[
        list[str], Meta(description="Folders whose pictures an axis of a sweep may name.")
    ] = []
    device: Annotated[
        str,
        Meta(
            pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$",
            description="Where models run: auto, cpu, mps, cuda, cuda:1.",
        ),
    ] = "auto"
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"],
        Meta(description="Number format of the weights; auto fits the device."),
    ] = "auto"
    quantize: Annotated[
        Literal["none", "fp8", "nf4", "int8"],
        Meta(
            description="How the weights of denoisers are kept: none, fp8 (half the memory); nf4,"
            " int8 with bitsandbytes on CUDA."
        ),
    ] = "none"
    threads: Annotated[
        int,
        Meta(
            ge=0,
            le=256,
            description="CPU threads of the engine; 0: OMP_NUM_THREADS, else all cores.",
        ),
    ] = 0
    token: Annotated[
        str, Meta(description="A token with all scopes; needed on any but a loopback address.")
    ] = ""
    allowed_hosts: Annotated[
        list[str], Meta(description="Further names in Host and Origin, for a reverse proxy.")
    ] = []
    when_client_leaves: Annotated[
        Literal["go_on", "cancel"],
        Meta(
            description="What becomes of the jobs of a client of /v1 or /sdapi that hangs up"
            " before they are done."
        ),
    ] = "go_on"
    language: Annotated[
        str, Meta(pattern=r"^[a-zA-Z-]{2,12}$", description="Language of messages by default.")
    ] = "en"
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], Meta(description="What is logged.")
    ] = "INFO"
    log_format: Annotated[
        Literal["human", "json"], Meta(description="Lines for people or for machines.")
    ] = "human"
    log_file: Annotated[
        str,
        Meta(description="A file for the log as JSON lines, too; a bare name is put into logs/."),
    ] = ""
    log_file_mb: Annotated[
        int, Meta(ge=1, le=1024, description="Size at which the log file is begun anew, in MiB.")
    ] = 10
    log_files: Annotated[int, Meta(ge=0, le=100, description="Older log files that are kept.")] = 5
    queue_max: Annotated[int, Meta(ge=1, description="Jobs that may wait; more get 503.")] = 100_000
    queue_max_per_client: Annotated[
        int, Meta(ge=1, description="Jobs of one client that may wait; more get 429.")
    ] = 50_000
    requests_per_second: Annotated[
        int,
        Meta(
            ge=0,
            description="Requests a second of one token, user or address, with twice as many at "
            "once; 0 for no bound. A caller on this machine that needs no token has none.",
        ),
    ] = 500
    connections: Annotated[
        int, Meta(ge=16, le=100_000, description="Connections that may be open; more get 503.")
    ] = 1024
    connections_per_address: Annotated[
        int,
        Meta(
            ge=0,
            description="Connections that one address may open; 0 for no bound. Loopback has none.",
        ),
    ] = 64
    in_flight: Annotated[
        int, Meta(ge=1, le=16, description="Graph jobs the engine may hold at once.")
    ] = 8
    max_rows: Annotated[
        int,
        Meta(
            ge=0,
            le=16,
            description="Pictures that may share a step of the engine; 0: as many as are worth it.",
        ),
    ] = 0
    preview_rate: Annotated[
        float, Meta(ge=0, le=30, description="Previews a second and job; 0 turns them off.")
    ] = 8.0
    preview_size: Annotated[
        int, Meta(ge=32, le=512, description="Longest side of a preview, in pixels.")
    ] = 256
    cache_mb: Annotated[int, Meta(ge=0, description="Memory for the outputs of nodes, in MiB.")] = (
        256
    )
    vram_budget_mb: Annotated[
        int,
        Meta(ge=0, description="Memory of the GPU for weights, in MiB; 0: all but a tenth of it."),
    ] = 0
    ram_budget_mb: Annotated[
        int,
        Meta(
            ge=0,
            description="Memory for weights in RAM, in MiB; beyond it idle ones go. 0: half.",
        ),
    ] = 0
    memory_mb: Annotated[
        int,
        Meta(ge=0, description="Memory of the GPU that may be used, in MiB; 0 means all of it."),
    ] = 0
    speed: Annotated[
        Literal["plain", "fused", "compiled"],
        Meta(description="How networks are run: as diffusers does to the bit, fused, or compiled."),
    ] = "plain"
    max_pixels: Annotated[
        int, Meta(ge=4096, description="Largest picture that may be asked for, in pixels.")
    ] = 16_777_216
    disk_floor_mb: Annotated[
        int, Meta(ge=0, description="Free disk space below which the queue pauses, in MiB.")
    ] = 512
    trash_days: Annotated[
        int, Meta(ge=0, le=3650, description="Days until deleted pictures are gone for good.")
    ] = 30
    download_name: Annotated[
        naming.Pattern,
        Meta(description="Names of downloaded pictures, a pattern: {date} {prompt} {seed} {id} …"),
    ] = "{id}"
    hf_endpoint: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[^\s/?#@]+)?$",
            description="Address of a model hub; empty for HF_ENDPOINT, or Hugging Face's own.",
        ),
    ] = ""
    hf_token: Annotated[
        str,
        Meta(
            pattern=r"^[\x21-\x7e]*$",
            description="A token of the hub, for private models and accepted licences.",
        ),
    ] = ""
    install_max_gb: Annotated[
        int, Meta(ge=1, le=4096, description="Largest model that is installed, in GiB.")
    ] = 40
    install_private: Annotated[
        list[str],
        Meta(description="Hosts that models may come from though they lie in a private network."),
    ] = []
    install_tokens: Annotated[
        list[str],
        Meta(description="Secrets of hosts that models come from: civitai.com=secret."),
    ] = []
    webhooks: Annotated[
        bool, Meta(description="Tell the addresses that requests name how their work ended.")
    ] = True
    webhook_private: Annotated[
        list[Annotated[str, Meta(pattern=r"^[^\s/@]+(/\d{1,3})?$")]],
        Meta(
            description="Hosts and networks (10.0.0.0/8) that webhooks may go to though they are"
            " private."
        ),
    ] = []
    public_url: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[^\s?#@]+)?$",
            description="Address at which others reach this server; links in webhooks begin so.",
        ),
    ] = ""
    fact_retention: Annotated[
        int, Meta(ge=1000, description="Events that can be replayed after a reconnect.")
    ] = 200_000
    stop_seconds: Annotated[
        float, Meta(ge=0, le=600, description="Seconds a running job gets when the server stops.")
    ] = 10.0
    fake_engine: Annotated[
        bool, Meta(description="Run the scripted engine without torch: for tests and load.")
    ] = False
    fake_process: Annotated[
        bool, Meta(description="Run the scripted engine as a process of its own.")
    ] = False
    failpoints: Annotated[
        str,
        Meta(description="Faults for tests: place=kill|kill_peer|enospc|eio|delay[@first[-last]]."),
    ] = ""
