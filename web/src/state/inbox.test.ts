import { beforeEach, describe, expect, it } from "vitest";
import { createInbox, LONGEST, MOST, REST, SOON, type Clock } from "./inbox";

let now: number;
let timers: Map<number, { act: () => void; at: number }>;
let taken: string[][];
let costs: number; // milliseconds that taking takes
let made: number;

const clock: Clock = {
  now: () => now,
  set: (act, milliseconds) => (timers.set((made += 1), { act, at: now + milliseconds }), made),
  clear: (timer) => void timers.delete(timer),
};

/** Let time pass. */
function pass(milliseconds: number): void {
  now += milliseconds;
  for (const [timer, { act, at }] of [...timers]) {
    if (at > now) continue;
    timers.delete(timer);
    act();
  }
}

function inbox() {
  return createInbox<string>((things) => {
    taken.push(things);
    now += costs;
  }, clock);
}

beforeEach(() => {
  timers = new Map();
  taken = [];
  [now, costs, made] = [1000, 0, 0];
});

describe("what comes in", () => {
  it("is handed on together, in order, a moment after the first of it", () => {
    const { add } = inbox();
    add("a");
    pass(SOON / 2);
    add("b");
    expect(taken).toEqual([]);
    pass(SOON / 2);
    expect(taken).toEqual([["a", "b"]]);
    add("c");
    pass(SOON);
    expect(taken).toEqual([["a", "b"], ["c"]]);
  });

  it("asks for no more time once nothing waits", () => {
    const { add } = inbox();
    add("a");
    pass(SOON);
    expect(timers.size).toBe(0);
  });

  it("leaves the page time of its own, the more the longer it took", () => {
    const { add } = inbox();
    costs = 10;
    add("a");
    pass(SOON);
    add("b");
    pass(REST * costs - 1);
    expect(taken).toEqual([["a"]]);
    pass(1);
    expect(taken).toEqual([["a"], ["b"]]);
  });

  it("waits no longer than it may, whatever it took", () => {
    const { add } = inbox();
    costs = 10 * LONGEST;
    add("a");
    pass(SOON);
    add("b");
    pass(LONGEST);
    expect(taken).toHaveLength(2);
  });

  it("replaces an older one of its key at its own place, and overtakes nothing", () => {
    const { add } = inbox();
    add("J began");
    add("J at 1", "J");
    add("K at 1", "K");
    add("J was retried");
    add("J at 2", "J");
    add("J ended");
    pass(SOON);
    expect(taken).toEqual([["J began", "K at 1", "J was retried", "J at 2", "J ended"]]);
  });

  it("waits in a bounded number", () => {
    const { add } = inbox();
    for (let number = 0; number <= MOST; number += 1) add(String(number));
    expect(taken.map(({ length }) => length)).toEqual([MOST]);
    pass(SOON);
    expect(taken[1]).toEqual([String(MOST)]);
  });

  it("is forgotten once it is closed", () => {
    const { add, close } = inbox();
    add("a");
    close();
    pass(SOON);
    expect([taken, timers.size]).toEqual([[], 0]);
  });
});
