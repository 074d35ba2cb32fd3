import { limit, REACH, type Rect } from "./geometry";

/** What a layer is for, with what only its kind has. */
export type Purpose =
  | { kind: "image" }
  | { kind: "mask" }
  | { kind: "control"; model: string | null; preprocessor: Preprocessor; weight: number; start: number; end: number }
  | { kind: "region"; prompt: string; weight: number };
export type LayerKind = Purpose["kind"];

/** One layer; its pixels are held apart, and lie at (x, y) of the world. */
export type Layer = Purpose & {
  id: string;
  name: string; // empty: its kind and number are shown
  hidden: boolean;
  locked: boolean;
  opacity: number;
  x: number;
  y: number;
  hue: number; // of a mask or region
};

/** Everything about a picture but its pixels. Layers lie from the lowest to the highest. */
export type Document = { version: 1; layers: readonly Layer[]; box: Rect; active: string | null };

export const KINDS = ["image", "mask", "control", "region"] as const satisfies readonly LayerKind[];
export const PREPROCESSORS = ["none", "canny", "lineart", "xdog", "color", "tile", "luminance", "invert"] as const;
export type Preprocessor = (typeof PREPROCESSORS)[number];

export const MAX_LAYERS = 64;
export const MAX_OF: Partial<Record<LayerKind, number>> = { control: 16, region: 8 };
const MAX_NAME = 200;
const MAX_PROMPT = 16_384;
const HUES = [38, 200, 130, 290, 0, 170, 60, 250] as const; // degrees; the first is for masks

export function emptyDocument(box: Rect): Document {
  return { version: 1, layers: [], box, active: null };
}

export function layerOf(document: Document, id: string | null): Layer | null {
  return document.layers.find((layer) => layer.id === id) ?? null;
}

export function hasRoom(document: Document, kind: LayerKind): boolean {
  const alike = document.layers.filter((layer) => layer.kind === kind).length;
  return document.layers.length < MAX_LAYERS && alike < (MAX_OF[kind] ?? MAX_LAYERS);
}

function purpose(kind: LayerKind): Purpose {
  if (kind === "control") {
    return { kind, model: null, preprocessor: "none", weight: 1, start: 0, end: 1 };
  }
  return kind === "region" ? { kind, prompt: "", weight: 1 } : { kind };
}

export function newLayer(document: Document, kind: LayerKind, id: string, name = ""): Layer {
  const regions = document.layers.filter((layer) => layer.kind === "region").length;
  const hue = kind === "mask" ? HUES[0] : (HUES[1 + (regions % (HUES.length - 1))] ?? HUES[1]);
  const opacity = kind === "image" || kind === "control" ? 1 : 0.5;
  return { ...purpose(kind), id, name, hidden: false, locked: false, opacity, x: 0, y: 0, hue };
}

/** Add a layer: a picture over the active one or all of its kind, what steers over everything. */
export function added(document: Document, layer: Layer): Document {
  const { layers } = document;
  const active = layers.findIndex(({ id, kind }) => id === document.active && kind === "image");
  const highest = layers.findLastIndex(({ kind }) => kind === "image");
  const over = layer.kind === "image" ? (active >= 0 ? active : highest) + 1 : layers.length;
  return { ...document, layers: [...layers.slice(0, over), layer, ...layers.slice(over)], active: layer.id };
}

export function removed(document: Document, id: string): Document {
  const at = document.layers.findIndex((layer) => layer.id === id);
  if (at < 0) return document;
  const layers = document.layers.filter((layer) => layer.id !== id);
  const active = document.active === id ? ((layers[at] ?? layers[at - 1])?.id ?? null) : document.active;
  return { ...document, layers, active };
}

export function changed(document: Document, id: string, change: Partial<Layer>): Document {
  const layers = document.layers.map((layer) =>
    layer.id === id ? ({ ...layer, ...change } as Layer) : layer);
  return { ...document, layers };
}

/** Put a layer at another place, counted from the lowest. */
export function moved(document: Document, id: string, to: number): Document {
  const layer = layerOf(document, id);
  if (!layer) return document;
  const rest = document.layers.filter((other) => other !== layer);
  const at = limit(to, 0, rest.length);
  if (document.layers[at] === layer) return document;
  return { ...document, layers: [...rest.slice(0, at), layer, ...rest.slice(at)] };
}

/** Give the number by which a layer without a name is called among those of its kind. */
export function numberOf(document: Document, { id, kind }: Layer): number {
  return document.layers.filter((layer) => layer.kind === kind).findIndex((layer) => layer.id === id) + 1;
}

/** Read a document that somebody may have written by hand; null for what is none. */
export function readDocument(given: unknown): Document | null {
  if (!isRecord(given) || given.version !== 1 || !Array.isArray(given.layers)) return null;
  if (given.layers.length > MAX_LAYERS) return null;
  const layers = given.layers.map(readLayer);
  const box = readBox(given.box);
  if (!box || layers.includes(null)) return null;
  const sound = layers as Layer[];
  if (new Set(sound.map(({ id }) => id)).size !== sound.length) return null;
  const crowded = KINDS.some((kind) =>
    sound.filter((layer) => layer.kind === kind).length > (MAX_OF[kind] ?? MAX_LAYERS));
  if (crowded) return null;
  const active = sound.find(({ id }) => id === given.active)?.id ?? sound.at(-1)?.id ?? null;
  return { version: 1, layers: sound, box, active };
}

function readLayer(given: unknown): Layer | null {
  if (!isRecord(given) || typeof given.id !== "string" || !/^[\w-]{1,64}$/.test(given.id)) return null;
  const kind = KINDS.find((name) => name === given.kind);
  const x = whole(given.x, -REACH, REACH);
  const y = whole(given.y, -REACH, REACH);
  if (!kind || x === null || y === null) return null;
  return {
    ...readPurpose(kind, given),
    id: given.id,
    name: text(given.name, MAX_NAME),
    hidden: given.hidden === true,
    locked: given.locked === true,
    opacity: number(given.opacity, 0, 1, 1),
    x, y,
    hue: number(given.hue, 0, 360, HUES[0]),
  };
}

function readPurpose(kind: LayerKind, given: Record<string, unknown>): Purpose {
  if (kind === "control") {
    return {
      kind,
      model: text(given.model, 512) || null,
      preprocessor: PREPROCESSORS.find((name) => name === given.preprocessor) ?? "none",
      weight: number(given.weight, 0, 2, 1),
      start: number(given.start, 0, 1, 0),
      end: number(given.end, 0, 1, 1),
    };
  }
  if (kind === "region") {
    return { kind, prompt: text(given.prompt, MAX_PROMPT), weight: number(given.weight, 0, 10, 1) };
  }
  return { kind };
}

function readBox(given: unknown): Rect | null {
  if (!isRecord(given)) return null;
  const x = whole(given.x, -REACH, REACH);
  const y = whole(given.y, -REACH, REACH);
  const width = whole(given.width, 8, 4096);
  const height = whole(given.height, 8, 4096);
  if (x === null || y === null || width === null || height === null) return null;
  return width % 8 || height % 8 ? null : { x, y, width, height };
}

export function isRecord(given: unknown): given is Record<string, unknown> {
  return typeof given === "object" && given !== null && !Array.isArray(given);
}

function whole(given: unknown, least: number, most: number): number | null {
  return Number.isInteger(given) && (given as number) >= least && (given as number) <= most
    ? (given as number)
    : null;
}

function number(given: unknown, least: number, most: number, otherwise: number): number {
  return typeof given === "number" && Number.isFinite(given) ? limit(given, least, most) : otherwise;
}

function text(given: unknown, most: number): string {
  return typeof given === "string" ? given.slice(0, most) : "";
}
