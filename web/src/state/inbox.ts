/** What came in since the last frame of the screen, in order. Knows nothing of what it means. */

export const MOST = 512; // things that may wait; then they are taken at once, whatever the screen does
export const LATEST = 200; // milliseconds; a hidden page has no frames

export type Clock = {
  frame: (act: () => void) => number;
  noFrame: (frame: number) => void;
  set: (act: () => void, milliseconds: number) => number;
  clear: (timer: number) => void;
};

export type Inbox<Thing> = {
  /** Take what came last. With a key it replaces an older one of the same key, and stands at its own place. */
  add: (thing: Thing, key?: string) => void;
  close: () => void;
};

/** Hand on what comes in: the first thing at once, and what comes after it together, once a frame of the screen. */
export function createInbox<Thing>(take: (things: Thing[]) => void, clock: Clock): Inbox<Thing> {
  let waiting = new Map<string | symbol, Thing>(); // in the order in which they came
  let frame: number | null = null; // the end of the frame in which something was handed on
  let timer: number | null = null;

  function rest(): void {
    if (frame !== null) clock.noFrame(frame);
    if (timer !== null) clock.clear(timer);
    frame = timer = null;
  }

  function flush(): void {
    rest();
    const things = [...waiting.values()];
    waiting = new Map();
    frame = clock.frame(next);
    take(things);
  }

  function next(): void {
    frame = null;
    if (waiting.size > 0) flush();
  }

  return {
    add: (thing, key) => {
      const name = key ?? Symbol("once");
      waiting.delete(name);
      waiting.set(name, thing);
      if (frame === null || waiting.size >= MOST) flush();
      else timer ??= clock.set(flush, LATEST);
    },
    close: () => {
      rest();
      waiting = new Map();
    },
  };
}

/** The browser's own frames and timers. */
export const CLOCK: Clock = {
  frame: (act) => window.requestAnimationFrame(act),
  noFrame: (frame) => window.cancelAnimationFrame(frame),
  set: (act, milliseconds) => window.setTimeout(act, milliseconds),
  clear: (timer) => window.clearTimeout(timer),
};
