import type { Image } from "../api/wire.gen";
import type { State } from "./model";

const MOST = 400; // records that are kept beside those of the gallery

/** Keep what is known of pictures; of too many those that were heard of first go. */
export function hold(state: State, ...pictures: Image[]): State {
  const images = { ...state.images };
  for (const image of pictures) images[image.id] = image;
  if (Object.keys(images).length <= MOST) return { ...state, images };
  return { ...state, images: Object.fromEntries(Object.entries(images).slice(-MOST * 0.75)) };
}
