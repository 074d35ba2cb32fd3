import { parsePreview } from "../api/frames";
import { keepConnected, type Connection } from "../api/socket";
import type { Fact, Frame, Hello } from "../api/wire.gen";
import type { Actions } from "./actions";
import type { Store } from "./store";

type Told = Fact | Frame | Hello | { type: "reply" };

const QUEUE_EVERY = 1500; // milliseconds between two looks at the queue's own figures

/** Keep the state in step with the server: facts and frames in, a reload where facts are gone. */
export function goLive(store: Store, actions: Actions): Connection {
  const previews = createPreviews(store, actions);
  let look: number | null = null;
  let forgotten = false; // the server does not know our place any more

  function lookSoon(): void {
    look ??= window.setTimeout(() => {
      look = null;
      actions.run(actions.loadQueue);
    }, QUEUE_EVERY);
  }

  function onText(text: string): void {
    const told = JSON.parse(text) as Told;
    if (told.type === "reply") return;
    if (told.type === "hello") {
      const fresh = since() === null || !told.resumed;
      forgotten = false;
      store.send({ type: "local.hello", hello: told, fresh });
      if (fresh) actions.run(actions.loadAll);
      return;
    }
    store.send(told);
    if (told.type.startsWith("job.") && told.type !== "job.progress") lookSoon();
  }

  function since(): number | null {
    return forgotten ? null : store.get().seq;
  }

  const connection = keepConnected({
    since: () => since(),
    forget: () => (forgotten = true),
    open: (query) => new WebSocket(address(query), "heliograph.v1"),
    onMessage: (data) => {
      if (typeof data === "string") onText(data);
      else previews.show(data);
    },
    onState: (line) => {
      store.send({ type: "local.line", line });
      if (line === "refused") store.send({ type: "local.signed_out", value: true });
    },
    timers: {
      set: (act, milliseconds) => window.setTimeout(act, milliseconds),
      clear: (timer) => window.clearTimeout(timer),
    },
  });
  window.addEventListener("online", connection.retry);
  document.addEventListener("visibilitychange", connection.retry);
  return {
    retry: connection.retry,
    close: () => {
      window.removeEventListener("online", connection.retry);
      document.removeEventListener("visibilitychange", connection.retry);
      if (look !== null) window.clearTimeout(look);
      previews.close();
      connection.close();
    },
  };
}

/** Hold one object URL a job: a newer preview, the final picture, or the end revokes it. */
function createPreviews(store: Store, actions: Actions) {
  const urls = new Map<string, string>();

  function revoke(job: string): void {
    const url = urls.get(job);
    if (url) URL.revokeObjectURL(url);
    urls.delete(job);
  }

  const unsubscribe = store.subscribe(() => {
    const { tiles } = store.get();
    for (const job of urls.keys()) if (!tiles[job]?.preview) revoke(job);
  });

  return {
    show: (data: ArrayBuffer) => {
      const preview = parsePreview(data);
      const job = preview?.header.job;
      if (!preview || job === undefined || !store.get().tiles[job]) return;
      const url = URL.createObjectURL(preview.image);
      actions.preview(job, preview.header.step, preview.header.steps, url);
      if (store.get().tiles[job]?.preview === url) {
        revoke(job);
        urls.set(job, url);
      } else {
        URL.revokeObjectURL(url);
      }
    },
    close: () => {
      unsubscribe();
      for (const job of [...urls.keys()]) revoke(job);
    },
  };
}

function address(query: string): string {
  const at = new URL(`/api/v1/ws${query}`, window.location.href);
  at.protocol = at.protocol.replace("http", "ws");
  return at.href;
}
