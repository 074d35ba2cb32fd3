import type { Image, Page } from "../api/wire.gen";
import type { Filter, State } from "./model";

/** Keep a picture, and show it in the gallery where it belongs there. */
export function hold(state: State, image: Image): State {
  const images = { ...state.images, [image.id]: image };
  const held = state.gallery.ids.includes(image.id);
  const wanted = fits(image, state.gallery.filter);
  if (held === wanted || state.gallery.state !== "ready") return { ...state, images };
  if (held) return { ...drop(state, image.id), images };
  const { ids, next } = state.gallery;
  const oldest = ids[ids.length - 1];
  if (next !== null && oldest !== undefined && image.id < oldest) return { ...state, images };
  const grown = [...ids, image.id].sort((one, two) => (one < two ? 1 : -1));
  return { ...state, images, gallery: { ...state.gallery, ids: grown } };
}

/** Take a picture out of the gallery. */
export function drop(state: State, id: string): State {
  const ids = state.gallery.ids.filter((held) => held !== id);
  return { ...state, gallery: { ...state.gallery, ids } };
}

/** Add a page of the list. */
export function extend(state: State, page: Page<Image>, first: boolean): State {
  const images = { ...state.images };
  for (const image of page.items) images[image.id] = image;
  const held = first ? [] : state.gallery.ids;
  const known = new Set(held);
  const ids = [...held, ...page.items.map((image) => image.id).filter((id) => !known.has(id))];
  const gallery = { ...state.gallery, ids, next: page.next, state: "ready" as const };
  return { ...state, images, gallery };
}

/** Say whether a picture belongs under a filter; a search is the server's to answer. */
function fits(image: Image, filter: Filter): boolean {
  if (image.deleted !== null || image.kind === "mask") return false;
  if (filter.starred && !image.starred) return false;
  if (filter.model && image.model !== filter.model) return false;
  return filter.q === "" || words(image).includes(filter.q.trim().toLowerCase());
}

function words(image: Image): string {
  return [image.prompt, image.negative_prompt, image.model, image.note].join(" ").toLowerCase();
}
