import type { Message, State } from "./model";

/**
 * A part of the state that one page owns: what it begins with, and what a message makes of it.
 *
 * `reduce` sees the state as it is after the message, gives the same thing where nothing changed,
 * and ignores what it does not know. What was never loaded stays empty: facts alone load nothing.
 */
export type Slice<Held> = {
  readonly first: Held;
  reduce(held: Held, told: Message, state: State): Held; // a method, so that slices fit one table
};

/** How far a list has been loaded; `stale` after facts were lost: its page loads it again. */
export type Loaded = "idle" | "loading" | "ready" | "stale" | "failed";
