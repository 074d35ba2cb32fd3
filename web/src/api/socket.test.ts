import { beforeEach, describe, expect, it } from "vitest";
import { delayBefore, keepConnected, type Connection, type Line, type LineState } from "./socket";

type Wait = { act: () => void; milliseconds: number };

let lines: (Line & { query: string; sent: string[]; closed: boolean })[];
let waits: Map<number, Wait>;
let states: LineState[];
let seq: number | null;
let connection: Connection;

function open(query: string): Line {
  const line = {
    query,
    sent: [] as string[],
    closed: false,
    binaryType: "blob" as BinaryType,
    onopen: null,
    onclose: null,
    onmessage: null,
    send: (text: string) => void line.sent.push(text),
    close: () => void (line.closed = true),
  };
  lines.push(line);
  return line;
}

function last(): (typeof lines)[number] {
  const line = lines[lines.length - 1];
  if (!line) throw new Error("no line");
  return line;
}

/** Let the wait of that length end. */
function pass(milliseconds: number): void {
  const [timer, wait] = [...waits].find(([, held]) => held.milliseconds === milliseconds) ?? [];
  if (timer === undefined || !wait) throw new Error(`nothing waits ${milliseconds} ms`);
  waits.delete(timer);
  wait.act();
}

function drop(code = 1006): void {
  last().onclose?.({ code } as CloseEvent);
}

beforeEach(() => {
  let timers = 0;
  lines = [];
  waits = new Map();
  states = [];
  seq = null;
  connection = keepConnected({
    since: () => seq,
    forget: () => (seq = null),
    open,
    onMessage: () => (seq = (seq ?? 0) + 1),
    onState: (state) => states.push(state),
    timers: {
      set: (act, milliseconds) => {
        waits.set((timers += 1), { act, milliseconds });
        return timers;
      },
      clear: (timer) => waits.delete(timer),
    },
    jitter: () => 0.5,
  });
});

describe("the line to the server", () => {
  it("asks for no replay at first and for all that was missed later", () => {
    expect(last().query).not.toContain("since");
    last().onmessage?.({ data: "{}" } as MessageEvent<string>);
    drop();
    expect(states).toEqual(["connecting", "reconnecting"]);
    pass(500);
    expect(last().query).toContain("&since=1");
  });

  it("waits longer after each failure, and begins anew after a word", () => {
    for (const milliseconds of [500, 1000, 2000, 4000, 8000, 10_000, 10_000]) {
      drop();
      pass(milliseconds);
    }
    last().onmessage?.({ data: "{}" } as MessageEvent<string>);
    drop();
    pass(500);
    expect(lines).toHaveLength(9);
  });

  it("forgets its place when the server does not know it", () => {
    seq = 99;
    drop(4400);
    pass(500);
    expect(last().query).not.toContain("since");
  });

  it("does not return when the server no longer knows who asks", () => {
    drop(4401);
    expect(states.at(-1)).toBe("refused");
    expect(waits.size).toBe(0);
  });

  it("is given up when it says nothing for long", () => {
    const first = last();
    first.onopen?.({} as Event);
    pass(20_000);
    expect(first.sent).toHaveLength(1);
    pass(45_000);
    expect(first.closed).toBe(true);
    expect(states.at(-1)).toBe("reconnecting");
  });

  it("is tried at once when the network comes back, and never twice", () => {
    connection.retry();
    expect(lines).toHaveLength(1);
    drop();
    connection.retry();
    expect(lines).toHaveLength(2);
    expect([...waits.values()].some((wait) => wait.milliseconds === 500)).toBe(false);
  });

  it("stays closed once it is closed", () => {
    connection.close();
    expect(last().closed).toBe(true);
    expect(waits.size).toBe(0);
  });
});

it("spreads the attempts of many pages", () => {
  expect(delayBefore(0, 0)).toBe(375);
  expect(delayBefore(0, 1)).toBe(625);
});
