import { EMPTY_STATE } from "./first";
import { EMPTY_DRAFT, type Draft, type Preferences, type State } from "./model";
import type { Store } from "./store";

type Box = Pick<Storage, "getItem" | "setItem">;

const DRAFT = "heliograph.draft";
const PREFERENCES = "heliograph.preferences";

/** Begin with what was left here; a browser that keeps nothing begins empty. */
export function restored(box: Box | null): State {
  return {
    ...EMPTY_STATE,
    draft: known(read(box, DRAFT), EMPTY_DRAFT),
    preferences: known(read(box, PREFERENCES), EMPTY_STATE.preferences),
  };
}

/** Write the draft and the preferences down whenever they change. */
export function keep(store: Store, box: Box | null): () => void {
  let { draft, preferences }: { draft: Draft; preferences: Preferences } = store.get();
  return store.subscribe(() => {
    const state = store.get();
    if (state.draft !== draft) write(box, DRAFT, (draft = state.draft));
    if (state.preferences !== preferences) {
      write(box, PREFERENCES, (preferences = state.preferences));
    }
  });
}

/** Give the browser's storage, if it lets us near it. */
export function storage(): Box | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

function read(box: Box | null, key: string): unknown {
  try {
    return JSON.parse(box?.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

function write(box: Box | null, key: string, value: unknown): void {
  try {
    box?.setItem(key, JSON.stringify(value));
  } catch {
    return; // full, or forbidden: the page works without
  }
}

/** Take over the fields that are still fields, with the type they should have. */
function known<T extends object>(saved: unknown, blank: T): T {
  if (typeof saved !== "object" || saved === null) return blank;
  const fit = Object.entries(saved).filter(([name, value]) => {
    const ours: unknown = (blank as Record<string, unknown>)[name];
    if (!(name in blank) || Array.isArray(ours) !== Array.isArray(value)) return false;
    return ours === null || (typeof ours === typeof value && value !== null);
  });
  return { ...blank, ...Object.fromEntries(fit) };
}
