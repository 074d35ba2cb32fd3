import { useSyncExternalStore } from "react";

export const PAGES = ["generate", "gallery", "models", "settings"] as const;
export type Page = (typeof PAGES)[number];
export type Route = { page: Page; image: string | null };

export function parseRoute(hash: string): Route {
  const [page, image] = hash.replace(/^#\/?/, "").split("/");
  return { page: PAGES.find((name) => name === page) ?? "generate", image: image || null };
}

function subscribe(listener: () => void): () => void {
  window.addEventListener("hashchange", listener);
  return () => window.removeEventListener("hashchange", listener);
}

export function useRoute(): Route {
  const hash = useSyncExternalStore(subscribe, () => window.location.hash);
  return parseRoute(hash);
}

export function go(page: Page, image: string | null = null): void {
  window.location.hash = image ? `/${page}/${image}` : `/${page}`;
}

/** Show another picture without another step in the browser's history. */
export function turn(page: Page, image: string): void {
  window.location.replace(`#/${page}/${image}`);
}
