"""Five hundred hostile pictures through the upload's route and its real worker process.

P51 to P57 of the contract: a sound one is taken in as pixels and nothing else, any other gets its
own refusal, and the server goes on. The worker has the memory and the time that it has in earnest.
"""

import pytest

from core.media import sniff
from server.problems import status_of
from tests.core.media import corpus
from tests.server.studio import Studio

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(600)]
API = "/api/v1"
STATUS = {
    corpus.OK: 201,
    corpus.CORRUPT: 422,
    corpus.SLOW: 422,
    corpus.LARGE: 413,
    corpus.FORMAT: 415,
}


async def test_every_picture_is_taken_in_whole_or_refused_by_its_own_code(studio: Studio) -> None:
    wrong, taken, count = [], 0, 0
    for name, data, codes in corpus.cases():
        count += 1
        kind = ("image/png", "image/jpeg", "image/webp")[count % 3]  # the bytes decide, not this
        answer = await studio.client.post(
            f"{API}/uploads", content=data, headers={"content-type": kind}
        )
        told = answer.json()
        code = told["code"] if answer.status_code >= 400 else corpus.OK
        if code not in codes or answer.status_code != STATUS[code]:
            wrong.append((name, answer.status_code, code))
        elif code == corpus.OK:
            taken += 1
            await clean(studio, told["id"], name)
    assert wrong == []
    assert count > 500
    assert taken > 100
    assert (await studio.client.get("/livez")).status_code == 200


async def clean(studio: Studio, image: str, name: str) -> None:
    """Look at what is served of a picture that was taken in: pixels, and no word of the file."""
    answer = await studio.client.get(f"{API}/images/{image}/file")
    assert answer.status_code == 200
    kinds = {chunk.kind for chunk in sniff.png_chunks(answer.content)}
    assert kinds == {b"IHDR", b"IDAT", b"IEND"}, name
    assert answer.content.endswith(b"IEND\xaeB`\x82"), name
    assert b"<script" not in answer.content, name
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    await studio.client.delete(f"{API}/images/{image}", params={"forever": "1"})


async def test_what_any_picture_says_of_itself_is_read_or_refused(studio: Studio) -> None:
    for name, data, _ in corpus.cases():
        answer = await studio.client.post(
            f"{API}/images/inspect", content=data, headers={"content-type": "image/png"}
        )
        assert answer.status_code in (200, 413, 415, 422), name
        if answer.status_code == 200:
            told = answer.json()
            assert told["width"] >= 1 and told["height"] >= 1, name
            assert told["heliograph"] is None, name


def test_each_code_of_the_table_has_the_status_that_the_server_gives_it() -> None:
    from core import errors

    made = {
        corpus.CORRUPT: errors.Malformed(corpus.CORRUPT),
        corpus.SLOW: errors.Malformed(corpus.SLOW),
        corpus.LARGE: errors.TooLarge(corpus.LARGE),
        corpus.FORMAT: errors.UnsupportedType(corpus.FORMAT),
    }
    assert {code: status_of(error) for code, error in made.items()} == {
        code: status for code, status in STATUS.items() if code != corpus.OK
    }
