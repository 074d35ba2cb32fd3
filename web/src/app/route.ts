import { useSyncExternalStore } from "react";

export const PAGES = ["generate", "canvas", "workflow", "gallery", "training", "models", "settings"] as const;
export type Page = (typeof PAGES)[number];
export type Route = { page: Page; rest: string[] }; // `#/training/<id>/loss` has the rest of two

export function parseRoute(hash: string): Route {
  const [page, ...rest] = hash.replace(/^#\/?/, "").split("/").filter(Boolean);
  return { page: PAGES.find((name) => name === page) ?? "generate", rest };
}

function subscribe(listener: () => void): () => void {
  window.addEventListener("hashchange", listener);
  return () => window.removeEventListener("hashchange", listener);
}

export function useRoute(): Route {
  const hash = useSyncExternalStore(subscribe, () => window.location.hash);
  return parseRoute(hash);
}

/** Say which picture lies on top of a page that shows pictures. */
export function pictureOf({ page, rest }: Route): string | null {
  return page === "generate" || page === "gallery" ? (rest[0] ?? null) : null;
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
