import type { Preview } from "../api/frames";
import { ended } from "./model";
import type { Store } from "./store";
import { tileOf } from "./tiles";

export const HELD = 64; // of jobs that are done: those nobody looked at never say that their picture is shown

/** How a picture gets an address, and loses it. */
export type Addresses = Pick<typeof URL, "createObjectURL" | "revokeObjectURL">;

/** Hold one object URL a job: a newer preview, the final picture, or the end revokes it. */
export function createPreviews(store: Store, addresses: Addresses) {
  const urls = new Map<string, string>();

  function revoke(job: string): void {
    const url = urls.get(job);
    if (url !== undefined) addresses.revokeObjectURL(url);
    urls.delete(job);
  }

  const unsubscribe = store.subscribe(() => {
    const done: string[] = [];
    for (const job of urls.keys()) {
      const tile = tileOf(store.get(), job);
      if (!tile?.preview) revoke(job);
      else if (ended(tile.status)) done.push(job);
    }
    const over = done.slice(0, Math.max(0, done.length - HELD));
    store.together(() => over.forEach((job) => store.send({ type: "local.shown", job })));
  });

  return {
    show: ({ header, image }: Preview) => {
      const { job, step, steps } = header;
      const tile = tileOf(store.get(), job);
      if (!tile || ended(tile.status)) return; // nobody would see it
      const url = addresses.createObjectURL(image());
      store.send({ type: "local.preview", job, step, steps, url });
      revoke(job);
      urls.set(job, url);
    },
    close: () => {
      unsubscribe();
      for (const job of [...urls.keys()]) revoke(job);
    },
  };
}
