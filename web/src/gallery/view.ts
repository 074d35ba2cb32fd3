import { keeping, type Page } from "../app/route";
import { toAddress, type Filter } from "./filter";

const KEY = "heliograph.gallery";
export const LEAST = 96; // pixels of a cell
export const LARGEST = 288;

/** How this browser likes the gallery. */
export type Liking = { cell: number; boards: boolean };

const NARROW = 800; // pixels of a window in which three pictures stand side by side

export function liked(): Liking {
  const usual: Liking = { cell: window.innerWidth > NARROW ? 176 : 112, boards: true };
  try {
    const saved = JSON.parse(window.localStorage.getItem(KEY) ?? "{}") as Partial<Liking>;
    const cell = Number(saved.cell) || usual.cell;
    return { cell: Math.min(LARGEST, Math.max(LEAST, cell)), boards: saved.boards !== false };
  } catch {
    return usual;
  }
}

export function like(liking: Liking): void {
  try {
    window.localStorage.setItem(KEY, JSON.stringify(liking));
  } catch {
    return; // full, or forbidden: it holds until the page is left
  }
}

/** Put a filter into the address: a new step of the history, or in place of this one while typing. */
export function filterBy(filter: Filter, replace: boolean): void {
  const address = toAddress(filter);
  const hash = `#/gallery${address ? `?${address}` : ""}`;
  if (replace) window.location.replace(hash);
  else window.location.hash = hash;
}

/** Open a part of the page, and keep the filter. */
export function show(page: Page, ...rest: string[]): void {
  window.location.hash = keeping(page, ...rest);
}

export function showInstead(page: Page, ...rest: string[]): void {
  window.location.replace(keeping(page, ...rest));
}

const MIME = "application/x-heliograph-images";

/** Say what is dragged: ids of pictures, for boards and for other pages. */
export function drag(transfer: DataTransfer, ids: string[]): void {
  transfer.setData(MIME, JSON.stringify(ids));
  transfer.effectAllowed = "copyMove";
}

export function dragged(transfer: DataTransfer): string[] | null {
  try {
    const ids: unknown = JSON.parse(transfer.getData(MIME) || "null");
    return Array.isArray(ids) ? ids.filter((id): id is string => typeof id === "string") : null;
  } catch {
    return null;
  }
}

export function carries(transfer: DataTransfer, what: "pictures" | "files"): boolean {
  return transfer.types.includes(what === "files" ? "Files" : MIME);
}
