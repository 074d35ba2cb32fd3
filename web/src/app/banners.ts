import type { State } from "../state/model";

export type Banner = {
  name: "engine_lost" | "engine_restarting" | "disk_full" | "offline" | "storing_fails" | "work_stands";
  tone: "warning" | "error";
  help: { href: string; words: "ui.banner.log" | "ui.banner.storage" } | null;
};

type Seen = Pick<State, "engine" | "queue" | "line" | "reasons">;

const STORING = ["disk_stuck", "database_stuck", "database_failing"];
const STANDING = ["dispatcher_stuck", "engine_silent"];
const LOG: Banner["help"] = { href: "#/settings/log", words: "ui.banner.log" };
const STORAGE: Banner["help"] = { href: "#/settings/storage", words: "ui.banner.storage" };

/**
 * Say what keeps work from being done now, the worst first; nothing while all is well.
 * Facts are the first to tell, but a disk that is full stores none: then the server's reasons do.
 */
export function bannerOf({ engine, queue, line, reasons }: Seen, online: boolean): Banner | null {
  const is = (reason: string) => reasons.includes(reason) || (queue.paused && queue.reason === reason);
  if (line !== "open" && !online) return { name: "offline", tone: "warning", help: null };
  if (is("disk_full")) return { name: "disk_full", tone: "warning", help: STORAGE };
  if (STORING.some(is)) return { name: "storing_fails", tone: "error", help: LOG };
  if (engine?.state === "unavailable" || is("engine_unavailable")) return { name: "engine_lost", tone: "error", help: LOG };
  if (engine?.state === "restarting") return { name: "engine_restarting", tone: "warning", help: null };
  if (STANDING.some(is)) return { name: "work_stands", tone: "warning", help: LOG };
  return null;
}
