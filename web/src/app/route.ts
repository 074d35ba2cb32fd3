import { useMemo, useSyncExternalStore } from "react";

export const PAGES = ["generate", "canvas", "workflow", "gallery", "training", "models", "settings"] as const;
export type Page = (typeof PAGES)[number];
/** `#/training/<id>/loss` has the rest of two; `#/gallery?q=fox` has a query. */
export type Route = { page: Page; rest: string[]; query: string };

export function parseRoute(hash: string): Route {
  const [path = "", ...query] = hash.replace(/^#\/?/, "").split("?");
  const [page, ...rest] = path.split("/").filter(Boolean);
  return { page: PAGES.find((name) => name === page) ?? "generate", rest, query: query.join("?") };
}

function subscribe(listener: () => void): () => void {
  window.addEventListener("hashchange", listener);
  return () => window.removeEventListener("hashchange", listener);
}

export function useRoute(): Route {
  const hash = useSyncExternalStore(subscribe, () => window.location.hash);
  return useMemo(() => parseRoute(hash), [hash]);
}

const VIEWS = ["compare", "batch"]; // of the gallery, beside its pictures

/** Say which picture lies on top of a page that shows pictures. */
export function pictureOf({ page, rest }: Route): string | null {
  const [first = null] = rest;
  if (page === "generate") return first;
  return page === "gallery" && first !== null && !VIEWS.includes(first) ? first : null;
}

export function hashOf(page: Page, ...rest: string[]): string {
  return `#/${[page, ...rest].join("/")}`;
}

export function go(page: Page, ...rest: string[]): void {
  window.location.hash = hashOf(page, ...rest);
}

/** Show another part of a page without another step in the browser's history. */
export function turn(page: Page, ...rest: string[]): void {
  window.location.replace(hashOf(page, ...rest));
}

/** Write a part of a page that keeps the query, as a filter of the gallery. */
export function keeping(page: Page, ...rest: string[]): string {
  const here = parseRoute(window.location.hash);
  const query = here.page === page && here.query ? `?${here.query}` : "";
  return hashOf(page, ...rest) + query;
}
