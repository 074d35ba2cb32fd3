"""What a hub tells of a repository, asked by ``huggingface_hub`` over a real socket."""

from collections.abc import Iterator

import pytest

from core.errors import HeliographError
from core.library import hub as hubs
from tests.core.library.test_download import weights
from tests.hub import COMMIT, Hub, Repo, Served


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as opened:
        yield opened


def refused(hub: Hub, repo: str, revision: str | None = None, token: str = "") -> str:
    with pytest.raises(HeliographError) as error:
        hubs.Hub(hub.url, token).resolve(repo, revision)
    return error.value.name


def test_a_repository_is_told_with_commit_sizes_and_hashes(hub: Hub) -> None:
    large, small = Served(weights()), Served(b"{}", lfs=False)
    hub.repos["fox/den"] = Repo({"a.safetensors": large, "config.json": small})
    found = hubs.Hub(hub.url).resolve("fox/den", "main")
    assert (found.repo, found.commit, found.gated) == ("fox/den", COMMIT, False)
    first, second = found.files
    assert (first.name, first.bytes, first.sha256) == (
        "a.safetensors", len(large.content), large.sha256
    )  # fmt: skip
    assert (second.sha256, second.git) == (None, small.git)
    url = hubs.Hub(hub.url).url("fox/den", found.commit, "x/a b.safetensors")
    assert url == f"{hub.url}/fox/den/resolve/{COMMIT}/x/a%20b.safetensors"


def test_every_refusal_has_a_code_of_its_own(hub: Hub) -> None:
    hub.repos["fox/den"] = Repo({}, private=True, tokens={"hf_mine"})
    hub.repos["fox/open"] = Repo({})
    assert refused(hub, "fox/den") == "hub_token_needed"
    assert refused(hub, "fox/den", token="hf_other") == "hub_repo_unknown"
    assert refused(hub, "fox/open", "v9") == "hub_revision_unknown"
    assert hubs.Hub(hub.url, "hf_mine").resolve("fox/den").files == []
    assert [one.headers.get("authorization") for one in hub.asked] == [
        None, "Bearer hf_other", None, "Bearer hf_mine",
    ]  # fmt: skip


def test_a_hub_is_not_followed_to_another_host(hub: Hub) -> None:
    port = hub.cdn.rpartition(":")[2]
    hub.hops["/api/models/fox/den"] = f"http://localhost:{port}/api/models/fox/den"
    assert refused(hub, "fox/den") == "host_unreachable"
    assert [one.port for one in hub.asked] == ["hub"]


def test_a_renamed_repository_is_followed_on_the_same_host(hub: Hub) -> None:
    hub.repos["fox/den"] = Repo({})
    hub.hops["/api/models/old/den"] = "/api/models/fox/den"
    assert hubs.Hub(hub.url).resolve("old/den").commit == COMMIT


def test_proxies_are_not_asked_and_nobody_at_home_is_told(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.repos["fox/den"] = Repo({})
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert hubs.Hub(hub.url).resolve("fox/den").commit == COMMIT
    with pytest.raises(HeliographError) as error:
        hubs.Hub("http://127.0.0.1:1").resolve("fox/den")
    assert error.value.name == "host_unreachable"


@pytest.mark.parametrize("sha", ["", "main", "../../etc", "z" * 39])
def test_a_commit_that_is_none_is_not_taken(hub: Hub, sha: str) -> None:
    hub.repos["fox/den"] = Repo({}, commit=sha)
    assert refused(hub, "fox/den") == "host_unreachable"
