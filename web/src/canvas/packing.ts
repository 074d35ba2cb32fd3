import { isRecord, readDocument, type Document } from "./document";
import { tilePlace } from "./geometry";

/** A scene as it is written down: its pixels by the names of their squares. */
export type Packed = { document: Document; surfaces: Record<string, Record<string, string>> };

/** A project as a file; each square is a PNG in base64. */
export type ProjectFile = {
  format: typeof FORMAT;
  version: 1;
  name: string;
  picture: Packed;
  snapshots: { name: string; picture: Packed }[];
  tiles: Record<string, string>;
};

export const FORMAT = "heliograph.canvas";
export const MOST_BYTES = 256 * 2 ** 20; // of a project's file
export const MOST_PACKED = 2560; // squares of one picture

const NAME = /^[\w-]{1,64}$/;

/** Raised for a file that is no canvas, or a broken one. */
export class DamagedError extends Error {}

/** Read a scene that somebody may have written by hand; null for what is none. */
export function readPacked(given: unknown): Packed | null {
  if (!isRecord(given) || !isRecord(given.surfaces)) return null;
  const document = readDocument(given.document);
  if (!document) return null;
  const surfaces: [string, Record<string, string>][] = [];
  let count = 0;
  for (const { id } of document.layers) {
    const tiles = Object.hasOwn(given.surfaces, id) ? given.surfaces[id] : {};
    if (!isRecord(tiles)) return null;
    const entries = Object.entries(tiles);
    count += entries.length;
    if (count > MOST_PACKED || !entries.every(isTile)) return null;
    surfaces.push([id, Object.fromEntries(entries as [string, string][])]);
  }
  return { document, surfaces: Object.fromEntries(surfaces) };
}

function isTile([key, name]: [string, unknown]): boolean {
  return tilePlace(key) !== null && typeof name === "string" && NAME.test(name);
}

/** Read a project's file. :raises DamagedError: for anything else. */
export function readFile(text: string, mostSnapshots: number): ProjectFile {
  const given = parsed(text);
  if (!isRecord(given) || given.format !== FORMAT || given.version !== 1) throw new DamagedError("format");
  const picture = readPacked(given.picture);
  if (!picture || !isRecord(given.tiles)) throw new DamagedError("picture");
  const tiles = Object.entries(given.tiles);
  if (!tiles.every((tile): tile is [string, string] => NAME.test(tile[0]) && typeof tile[1] === "string")) {
    throw new DamagedError("tiles");
  }
  const list: unknown[] = Array.isArray(given.snapshots) ? given.snapshots : [];
  const snapshots = list.slice(0, mostSnapshots).flatMap((one) => {
    const held = isRecord(one) ? readPacked(one.picture) : null;
    return held && isRecord(one) ? [{ name: nameOf(one.name), picture: held }] : [];
  });
  return {
    format: FORMAT, version: 1, name: nameOf(given.name), picture, snapshots,
    tiles: Object.fromEntries(tiles),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new DamagedError("json");
  }
}

export function nameOf(given: unknown): string {
  return typeof given === "string" ? given.trim().slice(0, 200) : "";
}

export function namesIn(packed: readonly Packed[]): Set<string> {
  return new Set(packed.flatMap(({ surfaces }) => Object.values(surfaces).flatMap((tiles) => Object.values(tiles))));
}

/** Split what has to be written from what has to go. */
export function difference(held: Iterable<string>, wanted: ReadonlySet<string>): { lacking: string[]; gone: string[] } {
  const there = new Set(held);
  return {
    lacking: [...wanted].filter((name) => !there.has(name)),
    gone: [...there].filter((name) => !wanted.has(name)),
  };
}
