import type { Image, Mark } from "../api/wire.gen";

/** A part of the list between two marks. Its pictures are held while it is near the view. */
export type Stretch = {
  cursor: string | null; // gives its first page; null for the newest
  head: number; // order of its first picture
  at: string; // when that was made
  count: number; // as far as is known while they are not held
  images: Image[] | null;
};

const sums = new WeakMap<readonly Stretch[], number[]>();

/** Give the place of each stretch's first picture, and of the end. */
export function starts(stretches: readonly Stretch[]): number[] {
  const known = sums.get(stretches);
  if (known) return known;
  const made = [0];
  for (const { count } of stretches) made.push((made[made.length - 1] ?? 0) + count);
  sums.set(stretches, made);
  return made;
}

export function total(stretches: readonly Stretch[]): number {
  return starts(stretches)[stretches.length] ?? 0;
}

/** Find the stretch that a place lies in; -1 for none. */
export function stretchOf(stretches: readonly Stretch[], place: number): number {
  const begins = starts(stretches);
  if (place < 0 || place >= total(stretches)) return -1;
  let [low, high] = [0, stretches.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((begins[middle] ?? 0) <= place) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Give the picture of a place, if it is held. */
export function at(stretches: readonly Stretch[], place: number): Image | undefined {
  const which = stretchOf(stretches, place);
  return stretches[which]?.images?.[place - (starts(stretches)[which] ?? 0)];
}

/** Give the place of a picture that is held; -1 for others. */
export function placeOf(stretches: readonly Stretch[], id: string): number {
  const which = holding(stretches, id);
  const index = stretches[which]?.images?.findIndex((image) => image.id === id) ?? -1;
  return index < 0 ? -1 : (starts(stretches)[which] ?? 0) + index;
}

/** Make stretches of marks; those of `held` that are the same keep their pictures. */
export function marked(held: readonly Stretch[], marks: readonly Mark[], first: boolean): Stretch[] {
  const fresh = marks.map((mark, index) => ({
    cursor: first && index === 0 ? null : mark.cursor,
    head: mark.order, at: mark.created, count: mark.count, images: null,
  }));
  return first ? fresh : [...held, ...fresh];
}

/** Put pictures into their stretch, less those that belong to the next one. */
export function filled(held: readonly Stretch[], cursor: string | null, images: Image[]): Stretch[] {
  const which = held.findIndex((stretch) => stretch.cursor === cursor);
  const end = held[which + 1]?.head ?? 0;
  return swap(held, which, images.filter(({ order }) => order > end));
}

/** Let go of pictures outside some stretches. */
export function released(held: readonly Stretch[], from: number, to: number): readonly Stretch[] {
  if (held.every(({ images }, index) => images === null || (index >= from && index <= to))) return held;
  return held.map((stretch, index) =>
    index >= from && index <= to ? stretch : { ...stretch, images: null });
}

/** Say which stretches a view needs that are not held; a stretch without pictures needs none. */
export function lacking(held: readonly Stretch[], first: number, last: number): Stretch[] {
  const from = Math.max(0, stretchOf(held, Math.max(0, first)));
  const to = stretchOf(held, Math.min(last, total(held) - 1));
  return held.slice(from, to + 1).filter(({ images, count }) => images === null && count > 0);
}

/** Put a picture where it belongs, or change it there; null where its stretch is not held. */
export function put(held: readonly Stretch[], image: Image): Stretch[] | null {
  const which = Math.max(0, holder(held, image.order));
  const images = held[which]?.images;
  if (!images) return held.length === 0 ? [alone(image)] : null;
  const others = images.filter(({ id }) => id !== image.id);
  const before = others.findIndex(({ order }) => order < image.order);
  const index = before < 0 ? others.length : before;
  return swap(held, which, [...others.slice(0, index), image, ...others.slice(index)]);
}

/** Take a picture out; the same where it is not held. */
export function without(held: readonly Stretch[], id: string): readonly Stretch[] {
  const which = holding(held, id);
  const images = held[which]?.images;
  return images ? swap(held, which, images.filter((image) => image.id !== id)) : held;
}

/** Find the place of the first picture that was made before a time. */
export function placeAt(held: readonly Stretch[], before: string): number {
  const which = held.findIndex(({ at: made }) => made < before);
  const earlier = which < 0 ? held.length - 1 : which - 1;
  const images = held[earlier]?.images;
  const inside = images?.findIndex(({ created }) => created < before) ?? -1;
  if (earlier >= 0 && inside >= 0) return (starts(held)[earlier] ?? 0) + inside;
  return Math.max(0, which < 0 ? total(held) - 1 : (starts(held)[which] ?? 0));
}

function alone(image: Image): Stretch {
  return { cursor: null, head: image.order, at: image.created, count: 1, images: [image] };
}

/** Find the stretch that holds a picture; -1 where none does. */
function holding(held: readonly Stretch[], id: string): number {
  return held.findIndex(({ images }) => images?.some((image) => image.id === id));
}

/** Find the stretch that a picture belongs to by its order: the newest come first. */
function holder(held: readonly Stretch[], order: number): number {
  let [low, high] = [0, held.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((held[middle]?.head ?? 0) >= order) low = middle;
    else high = middle - 1;
  }
  return held.length === 0 ? -1 : low;
}

function swap(held: readonly Stretch[], which: number, images: Image[]): Stretch[] {
  return held.map((stretch, index) => {
    if (index !== which) return stretch;
    const [first] = images;
    const head = first && first.order > stretch.head ? first.order : stretch.head;
    return { ...stretch, images, count: images.length, head };
  });
}
