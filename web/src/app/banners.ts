import type { State } from "../state/model";

export type Banner = {
  name: "engine_lost" | "engine_restarting" | "disk_full" | "offline";
  tone: "warning" | "error";
  help: { href: string; words: "ui.banner.log" | "ui.banner.storage" } | null;
};

/** Say what keeps work from being done now, the worst first; nothing while all is well. */
export function bannerOf({ engine, queue, line }: Pick<State, "engine" | "queue" | "line">, online: boolean): Banner | null {
  if (line !== "open" && !online) return { name: "offline", tone: "warning", help: null };
  if (queue.paused && queue.reason === "disk_full") {
    return { name: "disk_full", tone: "error", help: { href: "#/settings/storage", words: "ui.banner.storage" } };
  }
  const log: Banner["help"] = { href: "#/settings/log", words: "ui.banner.log" };
  if (engine?.state === "unavailable" || (queue.paused && queue.reason === "engine_unavailable")) {
    return { name: "engine_lost", tone: "error", help: log };
  }
  if (engine?.state === "restarting") return { name: "engine_restarting", tone: "warning", help: null };
  return null;
}
