import type { Preview } from "../api/frames";
import { ended } from "./model";
import type { Store } from "./store";
import { tileOf } from "./tiles";

export const HELD = 64; // of jobs that are done: those nobody looked at never say that their picture is shown

/** Show the newest preview of each job, and let go of those whose pictures nobody looks at. */
export function createPreviews(store: Store) {
  const held = new Set<string>(); // jobs with a preview

  const unsubscribe = store.subscribe(() => {
    const done: string[] = [];
    for (const job of held) {
      const tile = tileOf(store.get(), job);
      if (!tile?.preview) held.delete(job);
      else if (ended(tile.status)) done.push(job);
    }
    const over = done.slice(0, Math.max(0, done.length - HELD));
    store.together(() => over.forEach((job) => store.send({ type: "local.shown", job })));
  });

  return {
    show: ({ header, url }: Preview) => {
      const { job, step, steps } = header;
      const tile = tileOf(store.get(), job);
      if (!tile || ended(tile.status)) return; // nobody would see it
      store.send({ type: "local.preview", job, step, steps, url: url() });
      held.add(job);
    },
    close: unsubscribe,
  };
}
