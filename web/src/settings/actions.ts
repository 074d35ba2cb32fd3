import type { Cleared, ConfigInfo, Intermediates, LogPage, NewToken, Storage, Token, TokenList } from "../api/wire.gen";
import type { Tools } from "../state/tools";
import type { Level } from "./slice";

const PAGE = 1000; // lines of the log in one answer

/** What the System page does. */
export function systemActions(tools: Tools) {
  const { http, send, get, run, toast, t } = tools;

  async function loadTokens(): Promise<void> {
    send({ type: "slice.system.tokens", items: (await http<TokenList>("/tokens")).items });
  }

  async function loadIntermediates(): Promise<void> {
    send({ type: "slice.system.intermediates", held: await http<Intermediates>("/images/intermediates") });
  }

  /** Clear what nobody needs, a bounded number with each call. */
  async function clearIntermediates(): Promise<void> {
    let count = 0;
    let cleared: Cleared;
    do {
      cleared = await http<Cleared>("/images/intermediates", { method: "DELETE" });
      count += cleared.deleted;
      await loadIntermediates();
    } while (cleared.more);
    toast(t("ui.storage.cleared", { count, kept: cleared.kept }));
  }

  /** Read the log on from the last line that is here, until there is no more. */
  async function loadLog(): Promise<void> {
    send({ type: "slice.system.asked_log" });
    for (;;) {
      const { level, next } = get().systemPage.log;
      const page = await http<LogPage>("/logs", { query: { after: next, limit: PAGE, level } });
      send({ type: "slice.system.log", page, level });
      if (page.items.length < PAGE || get().systemPage.log.level !== level) return;
    }
  }

  return {
    loadConfig: () =>
      run(async () => {
        try {
          send({ type: "slice.system.config", settings: (await http<ConfigInfo>("/config")).settings });
        } catch (error) {
          send({ type: "slice.system.config_failed" });
          throw error;
        }
      }),
    /** Throws what the server refused, for the row that asked. */
    set: async (name: string, value: unknown): Promise<void> => {
      const changed = await http<ConfigInfo>("/config", { method: "PATCH", json: { [name]: value } });
      send({ type: "slice.system.config", settings: changed.settings });
    },
    loadTokens: () => run(loadTokens),
    /** Gives the token's text, which is told this once. */
    makeToken: async (name: string, scopes: readonly string[]): Promise<string> => {
      const made = await http<NewToken>("/tokens", { method: "POST", json: { name, scopes } });
      await loadTokens();
      return made.text;
    },
    revoke: async (token: Token): Promise<void> => {
      await http(`/tokens/${token.id}`, { method: "DELETE" });
      await loadTokens();
      toast(t("ui.tokens.revoked", { name: token.name }));
    },
    loadStorage: () =>
      run(async () => send({ type: "slice.system.storage", storage: await http<Storage>("/storage") })),
    loadIntermediates: () => run(loadIntermediates),
    /** Throws what the server refused, for the question that asked. */
    clearIntermediates,
    loadLog: () => run(loadLog),
    showLevel: (level: Level) => send({ type: "slice.system.level", level }),
    copy: (text: string) =>
      run(async () => {
        await navigator.clipboard.writeText(text);
        toast(t("ui.copied"));
      }),
  };
}
