import { useEffect } from "react";
import type { Session } from "../api/wire.gen";
import { useSelect, useTools } from "../state/store";

/** Say whether who looks at the page may see the server's own pages; asked once, when that matters first. */
export function useAdmin(matters: boolean): boolean {
  const { http, run, send } = useTools();
  const session = useSelect((state) => state.systemPage.session);
  const lacks = matters && session === null;
  useEffect(() => {
    if (lacks) run(async () => send({ type: "slice.system.session", session: await http<Session>("/session") }));
  }, [http, run, send, lacks]);
  return session?.scopes.includes("admin") ?? false;
}
