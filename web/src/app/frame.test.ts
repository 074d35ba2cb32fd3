import { describe, expect, it } from "vitest";
import type { JobEnded } from "../api/wire.gen";
import { EMPTY_STATE } from "../state/first";
import type { State } from "../state/model";
import { bannerOf } from "./banners";
import { guided, SEEN } from "./guided";
import { notices } from "./notices";

describe("the banner", () => {
  const well: State = { ...EMPTY_STATE, line: "open", engine: { state: "ready", device: null, reason: null } };

  it("says nothing while all is well", () => {
    expect(bannerOf(well, true)).toBeNull();
    expect(bannerOf({ ...well, engine: { state: "starting", device: null, reason: null } }, true)).toBeNull();
    expect(bannerOf({ ...well, queue: { ...well.queue, paused: true, reason: "asked" } }, true)).toBeNull();
  });

  it("says what is wrong and where to look", () => {
    const full = { ...well, queue: { ...well.queue, paused: true, reason: "disk_full" } };
    expect(bannerOf(full, true)).toMatchObject({ name: "disk_full", help: { href: "#/settings/storage" } });
    expect(bannerOf({ ...well, engine: { state: "unavailable", device: null, reason: null } }, true)?.name).toBe("engine_lost");
    expect(bannerOf({ ...well, line: "reconnecting" }, false)?.name).toBe("offline");
  });

  it("hears from the server's reasons what no fact could tell", () => {
    const because = (...reasons: string[]): State => ({ ...well, reasons });
    expect(bannerOf(because("disk_full"), true)).toMatchObject({ name: "disk_full", help: { href: "#/settings/storage" } });
    const asked = { ...because("disk_full"), queue: { ...well.queue, paused: true, reason: "asked" } };
    expect(bannerOf(asked, true)?.name).toBe("disk_full");
    expect(bannerOf(because("database_failing", "disk_full"), true)?.name).toBe("disk_full");
    expect(bannerOf(because("engine_silent", "disk_stuck"), true)?.name).toBe("storing_fails");
    expect(bannerOf(because("engine_unavailable"), true)?.name).toBe("engine_lost");
    expect(bannerOf(because("dispatcher_stuck"), true)).toMatchObject({ name: "work_stands", help: { href: "#/settings/log" } });
    expect(bannerOf(because("engine_starting", "library_scanning"), true)).toBeNull();
  });
});

describe("the guide of the first visit", () => {
  const at = (guide: number, change: Partial<State> = {}): State => ({
    ...EMPTY_STATE, loaded: true, ...change, preferences: { ...EMPTY_STATE.preferences, guide },
  });
  const tile = {
    id: "j", batch: "b", phase: "", step: 0, steps: 0, eta: null, etaAt: 0, images: [], picture: null, error: null, cut: false, preview: null,
  };

  it("begins where nothing was drawn, and nowhere else", () => {
    expect(guided(at(0))).toBe(1);
    expect(guided(at(0, { loaded: false }))).toBe(0);
    expect(guided(at(0, { groups: [{ id: "b", jobs: ["j"], width: 1, height: 1, axes: [] }] }))).toBe(0);
    expect(guided(at(SEEN))).toBe(SEEN);
  });

  it("follows what is done", () => {
    expect(guided(at(1, { tiles: { b: { j: { ...tile, status: "queued" } } } }))).toBe(1);
    expect(guided(at(1, { tiles: { b: { j: { ...tile, status: "running" } } } }))).toBe(2);
    expect(guided(at(2, { tiles: { b: { j: { ...tile, status: "succeeded" } } } }))).toBe(2); // until it was read
  });
});

describe("notices", () => {
  const ended: JobEnded = {
    type: "job.ended", seq: 1, at: "", owner: null, job: "j", batch: "b", status: "succeeded", seconds: 30,
    images: [], error: null, degraded: [], result: null, cached: [],
  };

  it("tell of what took a while, each with a number of its own", () => {
    const one = notices.reduce(notices.first, ended, EMPTY_STATE);
    expect(one.newest).toMatchObject({ kind: "job", number: 1 });
    expect(notices.reduce(one, { ...ended, status: "failed" }, EMPTY_STATE).newest).toMatchObject({ kind: "failed", number: 2 });
  });

  it("say nothing of what was short, or canceled", () => {
    expect(notices.reduce(notices.first, { ...ended, seconds: 3 }, EMPTY_STATE)).toBe(notices.first);
    expect(notices.reduce(notices.first, { ...ended, status: "canceled" }, EMPTY_STATE)).toBe(notices.first);
  });
});
