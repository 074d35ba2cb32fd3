import { useEffect } from "react";
import { useActions, useSelect } from "../state/store";

/** Say whether who looks at the page may see the server's own pages; asked once, when that matters first. */
export function useAdmin(matters: boolean): boolean {
  const { loadSession } = useActions();
  const session = useSelect((state) => state.systemPage.session);
  const lacks = matters && session === null;
  useEffect(() => {
    if (lacks) loadSession();
  }, [loadSession, lacks]);
  return session?.scopes.includes("admin") ?? false;
}
