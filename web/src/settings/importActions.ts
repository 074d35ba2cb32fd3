import { ProblemError } from "../api/http";
import type { Import, ImportImages, Page } from "../api/wire.gen";
import { problemsOf, type Tools } from "../state/tools";

const SHOWN = 20; // imports of one answer

/** Take folders of pictures in. */
export function importActions({ http, send, run, t }: Tools) {
  return {
    load: () =>
      run(async () => {
        try {
          const { items } = await http<Page<Import>>("/images/imports", { query: { limit: SHOWN } });
          send({ type: "slice.imports.loaded", items });
        } catch (error) {
          send({ type: "slice.imports.failed" });
          throw error;
        }
      }),
    /** Gives what the server refused: pointer → words. */
    start: async (json: ImportImages): Promise<Record<string, string>> => {
      try {
        send({ type: "slice.imports.one", told: await http<Import>("/images/import", { method: "POST", json }) });
        return {};
      } catch (error) {
        const told = problemsOf(error) ?? {};
        return Object.keys(told).length > 0 ? told : { "": error instanceof ProblemError ? error.message : t("ui.unreachable") };
      }
    },
    cancel: (id: string) =>
      run(async () =>
        send({ type: "slice.imports.one", told: await http<Import>(`/images/imports/${id}/cancel`, { method: "POST" }) })),
  };
}
