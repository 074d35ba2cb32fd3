import { newId, type Snapshot } from "./easel";
import { TILE } from "./geometry";
import { DamagedError, FORMAT, namesIn, type Packed, type ProjectFile } from "./packing";
import { newTile, type Scene, type Tile } from "./tiles";

/** A picture as it is kept: what it is made of by name, and each square as a PNG. */
export type Kept = { picture: Packed; snapshots: { name: string; picture: Packed }[] };

type Known = { name: string; blob: Promise<Blob> };
const known = new WeakMap<Tile, Known>(); // a tile is encoded once

function nameTile(tile: Tile): Known {
  const held = known.get(tile);
  if (held) return held;
  const made = { name: newId(), blob: tile.canvas.convertToBlob({ type: "image/png" }) };
  known.set(tile, made);
  return made;
}

function pack(scene: Scene, blobs: Map<string, Promise<Blob>>): Packed {
  const surfaces = [...scene.surfaces].map(([layer, surface]) => {
    const tiles = [...surface].map(([key, tile]) => {
      const { name, blob } = nameTile(tile);
      blobs.set(name, blob);
      return [key, name] as const;
    });
    return [layer, Object.fromEntries(tiles)] as const;
  });
  return { document: scene.document, surfaces: Object.fromEntries(surfaces) };
}

/** Write a picture and its snapshots down. */
export function packAll(scene: Scene, snapshots: readonly Snapshot[]): Kept & { blobs: Map<string, Promise<Blob>> } {
  const blobs = new Map<string, Promise<Blob>>();
  const picture = pack(scene, blobs);
  const before = snapshots.map((held) => ({ name: held.name, picture: pack(held.scene, blobs) }));
  return { picture, snapshots: before, blobs };
}

/** Make a picture of what was written down. :raises DamagedError: where pixels are missing or broken. */
export async function unpackAll(
  kept: Kept, load: (name: string) => Promise<Blob | null>, keepNames: boolean,
): Promise<{ scene: Scene; snapshots: Snapshot[] }> {
  const tiles = new Map<string, Tile>();
  for (const name of namesIn([kept.picture, ...kept.snapshots.map(({ picture }) => picture)])) {
    const blob = await load(name);
    if (!blob) throw new DamagedError("tile");
    tiles.set(name, await tileFrom(blob, keepNames ? name : newId()));
  }
  return {
    scene: unpack(kept.picture, tiles),
    snapshots: kept.snapshots.map(({ name, picture }) => ({ id: newId(), name, scene: unpack(picture, tiles) })),
  };
}

async function tileFrom(blob: Blob, name: string): Promise<Tile> {
  const bitmap = await createImageBitmap(blob).catch(() => null);
  if (bitmap?.width !== TILE || bitmap.height !== TILE) throw new DamagedError("tile");
  const tile = newTile(bitmap);
  bitmap.close();
  known.set(tile, { name, blob: Promise.resolve(blob) });
  return tile;
}

function unpack({ document, surfaces }: Packed, tiles: ReadonlyMap<string, Tile>): Scene {
  const made = Object.entries(surfaces).map(([layer, keys]) => {
    const held = Object.entries(keys).flatMap(([key, name]) => {
      const tile = tiles.get(name);
      return tile ? [[key, tile] as const] : [];
    });
    return [layer, new Map(held)] as const;
  });
  return { document, surfaces: new Map(made) };
}

/** Make a file of a picture that can be kept anywhere, and opened by anybody. */
export async function toFile(name: string, scene: Scene, snapshots: readonly Snapshot[]): Promise<Blob> {
  const { blobs, ...kept } = packAll(scene, snapshots);
  const tiles: Record<string, string> = {};
  for (const [key, blob] of blobs) tiles[key] = await base64(await blob);
  const file: ProjectFile = { format: FORMAT, version: 1, name, ...kept, tiles };
  return new Blob([JSON.stringify(file)], { type: "application/json" });
}

export function fromFile(file: ProjectFile): ReturnType<typeof unpackAll> {
  return unpackAll(file, (name) => {
    const text = Object.hasOwn(file.tiles, name) ? file.tiles[name] : undefined;
    return Promise.resolve(text === undefined ? null : blobOf(text));
  }, false);
}

function blobOf(text: string): Blob | null {
  try {
    return new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], { type: "image/png" });
  } catch {
    return null;
  }
}

async function base64(blob: Blob): Promise<string> {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += 8192) parts.push(String.fromCharCode(...bytes.subarray(at, at + 8192)));
  return btoa(parts.join(""));
}
