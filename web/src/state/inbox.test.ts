import { beforeEach, describe, expect, it } from "vitest";
import { createInbox, LATEST, MOST, type Clock } from "./inbox";

let frames: Map<number, () => void>;
let timers: Map<number, { act: () => void; milliseconds: number }>;
let taken: string[][];
let made: number;

const clock: Clock = {
  frame: (act) => (frames.set((made += 1), act), made),
  noFrame: (frame) => void frames.delete(frame),
  set: (act, milliseconds) => (timers.set((made += 1), { act, milliseconds }), made),
  clear: (timer) => void timers.delete(timer),
};

/** Let the screen draw a frame. */
function draw(): void {
  for (const [frame, act] of [...frames]) {
    frames.delete(frame);
    act();
  }
}

function inbox() {
  return createInbox<string>((things) => void taken.push(things), clock);
}

beforeEach(() => {
  frames = new Map();
  timers = new Map();
  taken = [];
  made = 0;
});

describe("what comes in", () => {
  it("is handed on at once where nothing was in this frame, and then together, in order, at the next", () => {
    const { add } = inbox();
    ["a", "b", "c"].forEach((thing) => add(thing));
    expect(taken).toEqual([["a"]]);
    draw();
    expect(taken).toEqual([["a"], ["b", "c"]]);
    add("d");
    expect(taken).toHaveLength(2);
    draw();
    expect(taken).toEqual([["a"], ["b", "c"], ["d"]]);
  });

  it("asks for no more frames once nothing waits", () => {
    const { add } = inbox();
    add("a");
    draw();
    expect([frames.size, timers.size]).toEqual([0, 0]);
  });

  it("replaces an older one of its key at its own place, and overtakes nothing", () => {
    const { add } = inbox();
    add("first");
    add("J began");
    add("J at 1", "J");
    add("K at 1", "K");
    add("J was retried");
    add("J at 2", "J");
    add("J ended");
    draw();
    expect(taken[1]).toEqual(["J began", "K at 1", "J was retried", "J at 2", "J ended"]);
  });

  it("goes on where the screen has no frames, as in a hidden tab", () => {
    const { add } = inbox();
    for (const thing of ["a", "b", "c"]) add(thing);
    const [timer] = [...timers.values()];
    expect(timer?.milliseconds).toBe(LATEST);
    timer?.act();
    expect(taken).toEqual([["a"], ["b", "c"]]);
    add("d");
    [...timers.values()].forEach(({ act }) => act());
    expect(taken[2]).toEqual(["d"]);
  });

  it("waits in a bounded number", () => {
    const { add } = inbox();
    for (let number = 0; number < MOST + 2; number += 1) add(String(number));
    expect(taken.map(({ length }) => length)).toEqual([1, MOST]);
    draw();
    expect(taken[2]).toEqual([String(MOST + 1)]);
  });

  it("is forgotten once it is closed", () => {
    const { add, close } = inbox();
    add("a");
    add("b");
    close();
    draw();
    expect([taken, timers.size]).toEqual([[["a"]], 0]);
  });
});
