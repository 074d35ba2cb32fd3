/** Keeps one WebSocket open: back-off, resume, and a watch for a line that went silent. */

export type Line = Pick<WebSocket, "close" | "send"> & {
  binaryType: BinaryType;
  onopen: ((event: Event) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  onmessage: ((event: MessageEvent<string | ArrayBuffer>) => void) | null;
};

export type LineState = "connecting" | "open" | "reconnecting" | "refused";

export type Timers = {
  set: (act: () => void, milliseconds: number) => number;
  clear: (timer: number) => void;
};

export type SocketOptions = {
  since: () => number | null; // the last fact seen; null asks for no replay
  forget: () => void; // the server refused `since`: begin anew
  open: (query: string) => Line;
  onMessage: (data: string | ArrayBuffer) => void;
  onState: (state: LineState) => void;
  timers: Timers;
  jitter?: () => number; // 0 … 1
};

export type Connection = {
  /** Try again now: the network or the page came back. */
  retry: () => void;
  close: () => void;
};

export const TOPICS = "jobs,previews,training,gallery,models,system";
const DELAYS = [500, 1000, 2000, 4000, 8000, 10_000]; // milliseconds
const PING = 20_000;
const SILENCE = 45_000; // a line that says nothing for so long is dead
const PROTOCOL = 4400;
const AUTH_GONE = 4401;

/** Give the milliseconds before an attempt; spread so that many pages do not return at once. */
export function delayBefore(attempt: number, jitter: number): number {
  const delay = DELAYS[Math.min(attempt, DELAYS.length - 1)] ?? 10_000;
  return Math.round(delay * (0.75 + jitter / 2));
}

export function keepConnected(options: SocketOptions): Connection {
  const { timers } = options;
  const jitter = options.jitter ?? Math.random;
  let line: Line | null = null;
  let attempt = 0;
  let waiting: number | null = null;
  let ping: number | null = null;
  let silence: number | null = null;
  let ended = false;

  function stop(timer: number | null): null {
    if (timer !== null) timers.clear(timer);
    return null;
  }

  function listen(): void {
    silence = stop(silence);
    silence = timers.set(lost, SILENCE);
  }

  function beat(): void {
    line?.send('{"id":"ping","do":"ping"}');
    ping = timers.set(beat, PING);
  }

  function drop(): void {
    ping = stop(ping);
    silence = stop(silence);
    if (!line) return;
    line.onopen = line.onclose = line.onmessage = null;
    line.close();
    line = null;
  }

  function lost(): void {
    drop();
    if (ended) return;
    options.onState("reconnecting");
    waiting = timers.set(connect, delayBefore(attempt, jitter()));
    attempt += 1;
  }

  function connect(): void {
    waiting = stop(waiting);
    const since = options.since();
    const resume = since === null ? "" : `&since=${since}`;
    const fresh = options.open(`?topics=${TOPICS}${resume}`);
    line = fresh;
    fresh.binaryType = "arraybuffer";
    fresh.onopen = () => {
      listen();
      ping = timers.set(beat, PING);
    };
    fresh.onmessage = (event) => {
      attempt = 0;
      listen();
      options.onMessage(event.data);
    };
    fresh.onclose = (event) => {
      if (event.code === PROTOCOL) options.forget(); // what we asked to resume is not there
      if (event.code !== AUTH_GONE) {
        lost();
        return;
      }
      ended = true;
      drop();
      options.onState("refused");
    };
    listen();
  }

  options.onState("connecting");
  connect();
  return {
    retry: () => {
      if (waiting === null || ended) return;
      attempt = 0;
      connect();
    },
    close: () => {
      ended = true;
      waiting = stop(waiting);
      drop();
    },
  };
}
