"""Pictures over HTTP in detail: ranges, tags, links that expire, what a session's cookie says."""

import time
import zipfile
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

import pytest

from server import access
from tests.server.studio import Opener, Studio

pytestmark = pytest.mark.anyio
API = "/api/v1"


async def test_a_range_gets_the_whole_picture_and_never_a_wrong_part(studio: Studio) -> None:
    url = (await studio.generate())["images"][0]["url"]
    whole = (await studio.client.get(url)).content
    for asked in ("bytes=0-3", "bytes=5-", "bytes=-4", "bytes=9-1", "lines=1-2", "bytes=0-1,4-5"):
        answer = await studio.client.get(url, headers={"range": asked})
        assert (answer.status_code, answer.content) == (200, whole), asked
        assert "content-range" not in answer.headers


async def test_each_form_of_a_picture_has_a_tag_of_its_own(studio: Studio) -> None:
    url = (await studio.generate())["images"][0]["url"]
    forms = [{}, {"format": "webp"}, {"format": "jpeg"}, {"metadata": "0"}]
    tags = [(await studio.client.get(url, params=form)).headers["etag"] for form in forms]
    assert len(set(tags)) == len(forms)
    for form, tag in zip(forms, tags, strict=True):
        for held in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            same = await studio.client.get(url, params=form, headers={"if-none-match": held})
            assert (same.status_code, same.content) == (304, b""), (form, held)
            assert same.headers["etag"] == tag
        other = await studio.client.get(url, params=form, headers={"if-none-match": '"other"'})
        assert other.status_code == 200


async def test_a_thumbnail_and_a_download_say_what_they_are(studio: Studio) -> None:
    image = (await studio.generate())["images"][0]
    small = await studio.client.get(image["thumbnail_url"])
    again = {"if-none-match": small.headers["etag"]}
    assert (await studio.client.get(image["thumbnail_url"], headers=again)).status_code == 304
    saved = await studio.client.get(image["url"], params={"download": "1"})
    assert saved.headers["content-disposition"].startswith("attachment")
    assert saved.headers["x-content-type-options"] == "nosniff"


async def test_a_link_expires_and_holds_for_one_picture(opener: Opener) -> None:
    async with opener(token="master-token") as studio:
        studio.client.headers["authorization"] = "Bearer master-token"
        image = (await studio.generate())["images"][0]["id"]
        made = await studio.client.get(f"{API}/images/{image}/link", params={"minutes": 5})
        del studio.client.headers["authorization"]
        url = made.json()["url"]
        assert (await studio.client.get(url)).status_code == 200
        (signed,) = parse_qs(urlsplit(url).query)["signed"]
        expires = int(signed.split(".")[1])
        assert 290 <= expires - time.time() <= 300
        file = f"{API}/images/{image}/file"
        old = studio.state.signer.sign("link", image, -1)
        session = studio.state.signer.sign("session", image, 60)
        for bad in (old, session, signed[:-1], "", signed.replace(str(expires), "9999999999")):
            answer = await studio.client.get(file, params={"signed": bad})
            assert (answer.status_code, answer.json()["code"]) == (403, "link_expired"), bad
        assert (await studio.client.get(file)).status_code == 401


async def test_a_cookie_is_for_this_site_and_no_script(opener: Opener) -> None:
    async with opener(token="master-token") as studio:
        made = await studio.client.post(f"{API}/session", json={"token": "master-token"})
        flags = {part.strip().lower() for part in made.headers["set-cookie"].split(";")[1:]}
        assert {"httponly", "samesite=strict", "path=/"} <= flags
        assert "secure" not in flags  # over http a browser would not send it back
        assert f"max-age={access.SESSION_SECONDS}" in flags
        gone = await studio.client.delete(f"{API}/session")
        assert 'hg_session=""' in gone.headers["set-cookie"]


async def test_a_ticket_is_good_once_and_for_thirty_seconds(studio: Studio) -> None:
    made = (await studio.client.post(f"{API}/ws-tickets")).json()
    assert made["seconds"] == 30
    principal = access.use_ticket(studio.state, made["ticket"])
    assert principal.may("read")
    for ticket in (made["ticket"], "", "x"):
        with pytest.raises(access.Unauthenticated):
            access.use_ticket(studio.state, ticket)
    held, _ = (made["ticket"], studio.state.tickets.clear())
    studio.state.tickets[held] = (principal, time.monotonic() - 1)
    with pytest.raises(access.Unauthenticated):
        access.use_ticket(studio.state, held)


async def test_tickets_that_nobody_uses_do_not_pile_up(studio: Studio) -> None:
    principal = access.local("local")
    for _ in range(access.TICKETS + 50):
        access.make_ticket(studio.state, principal)
    assert len(studio.state.tickets) <= access.TICKETS


async def test_an_archive_passes_over_what_is_not_there_and_names_each_once(
    studio: Studio,
) -> None:
    ids = [image["id"] for image in (await studio.generate(count=2))["images"]]
    asked = {"ids": [*ids, "01ARZ3NDEKTSV4RRFFQ69G5FAV", ids[0]], "pattern": "same"}
    answer = await studio.client.post(f"{API}/images/zip", json=asked)
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(BytesIO(answer.content)) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
    assert len(names) == len(set(names)) >= 2
    none = await studio.client.post(f"{API}/images/zip", json={"ids": []})
    assert none.status_code == 422
