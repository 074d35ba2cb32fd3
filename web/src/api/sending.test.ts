import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { sendBody } from "./sending";

/** The browser's request as far as it is used, moved by hand. */
// eslint-disable-next-line no-restricted-syntax -- stands for a class of the browser
class Line {
  static last: Line;
  upload: { onprogress?: (event: { loaded: number; total: number }) => void; onload?: () => void } = {};
  status = 0;
  statusText = "";
  responseText = "";
  onload?: () => void;
  onabort?: () => void;
  onloadend?: () => void;

  constructor() {
    Line.last = this;
  }

  open(): void {
    this.status = 0;
  }

  setRequestHeader(): void {
    this.status = 0;
  }

  send(): void {
    this.status = 0;
  }

  abort(): void {
    this.onabort?.();
    this.onloadend?.();
  }

  answer(status: number, text: string): void {
    Object.assign(this, { status, responseText: text });
    this.onload?.();
    this.onloadend?.();
  }
}

const file = new Blob(["picture"]);
const begin = (more: { signal?: AbortSignal; onSent?: (share: number) => void } = {}) =>
  sendBody("/uploads", { method: "POST", headers: { "X-Filename": "a" }, body: file, ...more });

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("XMLHttpRequest", Line);
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("a file on its way", () => {
  it("may take an hour while bytes of it leave", async () => {
    const told: number[] = [];
    const sent = begin({ onSent: (share) => told.push(share) });
    for (let minute = 1; minute <= 90; minute += 1) {
      vi.advanceTimersByTime(40_000);
      Line.last.upload.onprogress?.({ loaded: minute, total: 90 });
    }
    Line.last.upload.onload?.();
    vi.advanceTimersByTime(90_000); // the server looks at it
    Line.last.answer(201, "{}");
    expect(await sent).toMatchObject({ ok: true, status: 201, text: "{}" });
    expect(told[0]).toBeCloseTo(1 / 90);
    expect(told[89]).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is given up where nothing moves for a minute, or no answer comes", async () => {
    const still = begin();
    vi.advanceTimersByTime(60_000);
    await expect(still).rejects.toThrow(TypeError);
    const silent = begin();
    Line.last.upload.onload?.();
    vi.advanceTimersByTime(120_000);
    await expect(silent).rejects.toThrow(TypeError);
  });

  it("ends as soon as somebody no longer wants it", async () => {
    const control = new AbortController();
    const sent = begin({ signal: control.signal });
    control.abort();
    await expect(sent).rejects.toMatchObject({ name: "AbortError" });
    await expect(begin({ signal: control.signal })).rejects.toMatchObject({ name: "AbortError" });
    expect(vi.getTimerCount()).toBe(0);
  });
});
