/** What came in of late, in order, handed on together. Knows nothing of what it means. */

export const MOST = 512; // things that may wait; then they are taken at once
export const SOON = 4; // milliseconds in which things come that belong together: those of one step
export const REST = 2; // times as long as taking took: then two thirds of the time are the page's own
export const LONGEST = 200; // milliseconds of such a rest

export type Clock = {
  now: () => number;
  set: (act: () => void, milliseconds: number) => number;
  clear: (timer: number) => void;
};

export type Inbox<Thing> = {
  /** Take what came last. With a key it replaces an older one of the same key, and stands at its own place. */
  add: (thing: Thing, key?: string) => void;
  close: () => void;
};

/**
 * Hand on what comes in a moment after the first of it came, and the later the longer it takes.
 *
 * It does not wait for the next frame of the screen: what is handed on between two of them has its
 * pictures read by the second.
 */
export function createInbox<Thing>(take: (things: Thing[]) => void, clock: Clock): Inbox<Thing> {
  let waiting = new Map<string | symbol, Thing>(); // in the order in which they came
  let timer: number | null = null;
  let rested = 0; // when the page has had its own time

  function flush(): void {
    rest();
    const things = [...waiting.values()];
    waiting = new Map();
    const begun = clock.now();
    take(things);
    const ended = clock.now();
    rested = ended + Math.min(LONGEST, REST * (ended - begun));
  }

  function rest(): void {
    if (timer !== null) clock.clear(timer);
    timer = null;
  }

  return {
    add: (thing, key) => {
      const name = key ?? Symbol("once");
      waiting.delete(name);
      waiting.set(name, thing);
      if (waiting.size >= MOST) flush();
      else timer ??= clock.set(flush, Math.max(SOON, rested - clock.now()));
    },
    close: () => {
      rest();
      waiting = new Map();
    },
  };
}

/** The browser's own timers. */
export const CLOCK: Clock = {
  now: () => performance.now(),
  set: (act, milliseconds) => window.setTimeout(act, milliseconds),
  clear: (timer) => window.clearTimeout(timer),
};
