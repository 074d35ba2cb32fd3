"""Make the tokenizers that ship: those of CLIP and T5, which single-file checkpoints leave out.

The words of CLIP come of the wheel of ``open_clip_torch`` (MIT), those of T5 of the source of
``stable-diffusion-cpp-python``, which holds the file that was published with the model
(Apache-2.0). Both are fetched by pip in the versions below and checked; what is written is the
same each time.
"""

import gzip
import hashlib
import json
import lzma
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

_OUT = Path(__file__).resolve().parent.parent / "core" / "engine" / "models" / "tokenizers"
_CLIP = ("open_clip_torch==3.3.0", "open_clip/bpe_simple_vocab_16e6.txt.gz")
_T5 = ("stable-diffusion-cpp-python==0.4.7", "src/tokenizers/vocab/clip_t5.hpp")
_SHA256 = {  # of what is taken out of them
    "clip": "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a",
    "t5": "fe2ebbbbde2985be723e0ce18217853e4020c5e9d35bd07be2c27ab9d3ead57a",
}
_MERGES = 49152 - 256 - 2  # of CLIP: what its vocabulary has room for
_ARRAY = re.compile(r"t5_tokenizer_json_str\[\]\s*=\s*\{([^}]*)\}")


def main() -> None:
    """Write clip.json.xz and t5.json.xz."""
    _OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        _write("clip", _clip(_checked("clip", _fetched(*_CLIP, Path(folder)))))
        source = _fetched(*_T5, Path(folder), "--no-binary", ":all:").decode()
        found = _ARRAY.search(source)
        if found is None:
            raise SystemExit("the source has no tokenizer of T5")
        numbers = bytes(int(number, 16) for number in re.findall(r"0x[0-9a-f]+", found[1]))
        _write("t5", json.loads(_checked("t5", numbers)))


def _fetched(package: str, member: str, folder: Path, *options: str) -> bytes:
    """Give one file of a package that pip fetches."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *options]
    subprocess.run([*command, "--dest", str(folder), package], check=True)
    name = re.sub(r"[-_.]+", "[-_.]+", package.partition("==")[0])
    (archive,) = (one for one in folder.iterdir() if re.match(name, one.name))
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as opened:
            return opened.read(member)
    with tarfile.open(archive) as opened:
        (place,) = (one for one in opened.getnames() if one.endswith(member))
        content = opened.extractfile(place)
        assert content is not None
        return content.read()


def _checked(name: str, content: bytes) -> bytes:
    found = hashlib.sha256(content).hexdigest()
    if found != _SHA256[name]:
        raise SystemExit(f"{name}: SHA-256 is {found}")
    return content


def _clip(content: bytes) -> dict[str, list[str]]:
    """Give CLIP's words in the order of their ids, and the merges that make them.

    Ids go by bytes, bytes that end a word, merges, start and end (Radford et al. 2021).
    """
    lines = gzip.decompress(content).decode().splitlines()
    merges = lines[1 : _MERGES + 1]
    letters = list(_letters())
    words = [*letters, *(letter + "</w>" for letter in letters)]
    words += ["".join(merge.split()) for merge in merges]
    return {"vocab": [*words, "<|startoftext|>", "<|endoftext|>"], "merges": merges}


def _letters() -> Iterator[str]:
    """Give a visible letter for each byte: itself where it is visible, else one beyond 255."""
    seen = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(0xAE, 0x100)]
    yield from map(chr, seen)
    yield from (chr(256 + place) for place in range(256 - len(seen)))


def _write(name: str, content: object) -> None:
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    (_OUT / f"{name}.json.xz").write_bytes(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    main()
