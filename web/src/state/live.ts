import { parsePreview, type Preview } from "../api/frames";
import { keepConnected, type Connection } from "../api/socket";
import type { Fact, Frame, Hello } from "../api/wire.gen";
import type { Actions } from "./actions";
import { CLOCK, createInbox } from "./inbox";
import { createPreviews } from "./previews";
import type { Store } from "./store";

type Told = Fact | Frame | Hello | { type: "reply" };

const QUEUE_EVERY = 1500; // milliseconds between two looks at the queue's own figures

/** Keep the state in step with the server: facts and frames in, a reload where facts are gone. */
export function goLive(store: Store, actions: Actions): Connection {
  const previews = createPreviews(store);
  const inbox = createInbox<Told | Preview>((all) => store.together(() => all.forEach(hear)), CLOCK);
  let look: number | null = null;
  let forgotten = false; // the server does not know our place any more

  function lookSoon(): void {
    look ??= window.setTimeout(() => {
      look = null;
      actions.run(actions.loadQueue);
    }, QUEUE_EVERY);
  }

  function hear(told: Told | Preview): void {
    if ("header" in told) {
      previews.show(told);
    } else if (told.type === "hello") {
      const fresh = since() === null || !told.resumed;
      forgotten = false;
      store.send({ type: "local.hello", hello: told, fresh });
      if (fresh) actions.run(actions.loadAll);
    } else if (told.type !== "reply") {
      store.send(told);
      if (told.type.startsWith("job.") && told.type !== "job.progress") lookSoon();
    }
  }

  function since(): number | null {
    return forgotten ? null : store.get().seq;
  }

  const connection = keepConnected({
    since: () => since(),
    forget: () => (forgotten = true),
    open: (query) => new WebSocket(address(query), "heliograph.v1"),
    onMessage: (data) => {
      const told = typeof data === "string" ? (JSON.parse(data) as Told) : parsePreview(data);
      if (told !== null) inbox.add(told, keyOf(told));
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
      connection.close();
      inbox.close();
      previews.close();
    },
  };
}

/** Name what a newer one of replaces; a fact is told always, and never waits behind another. */
function keyOf(told: Told | Preview): string | undefined {
  if ("header" in told) return `preview ${told.header.job}`;
  if (told.type === "job.progress") return `progress ${told.job}`;
  return told.type === "memory" ? "memory" : undefined;
}

function address(query: string): string {
  const at = new URL(`/api/v1/ws${query}`, window.location.href);
  at.protocol = at.protocol.replace("http", "ws");
  return at.href;
}
