import type { Intermediates, LogPage, SettingInfo, Session, Storage, Token } from "../api/wire.gen";
import type { Message } from "../state/model";
import type { Loaded, Slice } from "../state/slice";

export type Level = "INFO" | "WARNING" | "ERROR";

export type Log = { items: LogPage["items"]; next: number; boot: string | null; level: Level; behind: boolean };

export type System = {
  session: Session | null;
  config: SettingInfo[];
  configLoaded: Loaded;
  tokens: Token[] | null;
  storage: Storage | null;
  intermediates: Intermediates | null; // what was sent for jobs alone
  log: Log;
};

export type SystemLocal =
  | { type: "slice.system.session"; session: Session }
  | { type: "slice.system.config"; settings: SettingInfo[] }
  | { type: "slice.system.config_failed" }
  | { type: "slice.system.tokens"; items: Token[] }
  | { type: "slice.system.storage"; storage: Storage }
  | { type: "slice.system.intermediates"; held: Intermediates }
  | { type: "slice.system.level"; level: Level }
  | { type: "slice.system.asked_log" }
  | { type: "slice.system.log"; page: LogPage; level: Level };

const LINES = 2000; // kept on the page, as many as the server has

const FIRST: System = {
  session: null,
  config: [],
  configLoaded: "idle",
  tokens: null,
  storage: null,
  intermediates: null,
  log: { items: [], next: 0, boot: null, level: "INFO", behind: true },
};

export const systemPage: Slice<System> = { first: FIRST, reduce };

function reduce(held: System, told: Message): System {
  switch (told.type) {
    case "local.hello":
      return {
        ...held,
        configLoaded: held.configLoaded === "ready" && told.fresh ? "stale" : held.configLoaded,
        log: { ...held.log, behind: true },
      };
    case "local.language":
    case "config.changed":
      return held.configLoaded === "idle" ? held : { ...held, configLoaded: "stale" };
    case "slice.system.session":
      return { ...held, session: told.session };
    case "slice.system.config":
      return { ...held, config: told.settings, configLoaded: "ready" };
    case "slice.system.config_failed":
      return { ...held, configLoaded: "failed" };
    case "slice.system.tokens":
      return { ...held, tokens: told.items };
    case "slice.system.storage":
      return { ...held, storage: told.storage };
    case "slice.system.intermediates":
      return { ...held, intermediates: told.held };
    case "slice.system.level":
      return { ...held, log: { ...FIRST.log, level: told.level } };
    case "slice.system.asked_log":
      return { ...held, log: { ...held.log, behind: false } };
    case "slice.system.log":
      return told.level === held.log.level ? { ...held, log: read(held.log, told.page) } : held;
    case "job.started":
    case "job.ended":
    case "batch.ended":
    case "engine.state":
    case "queue.changed":
    case "model.install":
    case "training.ended":
      return held.log.behind ? held : { ...held, log: { ...held.log, behind: true } };
    default:
      return held;
  }
}

/** Add the lines that follow; a server that began anew counts from one again. */
function read(log: Log, page: LogPage): Log {
  if (log.boot !== null && log.boot !== page.boot) return { ...FIRST.log, level: log.level };
  const last = log.items.at(-1)?.seq ?? 0;
  const items = [...log.items, ...page.items.filter(({ seq }) => seq > last)].slice(-LINES);
  return { ...log, items, next: Math.max(log.next, page.next), boot: page.boot };
}
