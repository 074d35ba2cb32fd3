import type { CanvasActions } from "./actions";

const ENDS = ["keyup", "pointerup", "pointercancel", "blur"] as const;

/** Show what lies below the result for as long as a key or a button is held. */
export function peek({ easel }: Pick<CanvasActions, "easel">): void {
  if (easel.get().peek) return; // a key that is held repeats itself
  easel.set({ peek: true });
  const control = new AbortController();
  for (const end of ENDS) {
    window.addEventListener(end, () => {
      control.abort();
      easel.set({ peek: false });
    }, { signal: control.signal });
  }
}
