import type { Brush } from "./brush";
import type { Masking } from "./compose";
import { added, emptyDocument, hasRoom, layerOf, newLayer, type Document, type Layer, type LayerKind } from "./document";
import { intersect, type Point, type Rect, type View } from "./geometry";
import { advance, begin, bounded, redo, undo, type History } from "./history";
import {
  beginEdit, contextOf, countTiles, MOST_TILES, surfaceOf, tilesIn, withDocument, withSurface,
  type Edit, type Scene, type Surface,
} from "./tiles";

export const TOOLS = ["move", "box", "brush", "eraser", "lasso", "rect", "fill", "picker", "pan"] as const;
export type Tool = (typeof TOOLS)[number];
export type Snapshot = { id: string; name: string; scene: Scene };
export type Project = { id: string; name: string };

/** Everything that the page holds of the picture that is worked on. */
export type Work = {
  readonly history: History<Scene>;
  readonly snapshots: readonly Snapshot[];
  readonly project: Project | null; // null: was never given a name
  readonly view: View;
  readonly size: { width: number; height: number }; // of the stage, pixels of the screen
  readonly tool: Tool;
  readonly brush: Brush;
  readonly masking: Masking;
  readonly peek: boolean; // a result steps aside, to compare with what is below
  readonly opened: boolean; // what was left here has been read
  readonly saved: "saved" | "saving" | "failed";
};

type Also = { before?: (document: Document) => Document; after?: (scene: Scene) => Scene };

export type Easel = ReturnType<typeof createEasel>;

export const FIRST_VIEW: View = { x: 0, y: 0, scale: 1 };
export const MOST_SNAPSHOTS = 20;
const KEPT_TILES = MOST_TILES + 2048; // with those that only the history holds

export function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function firstScene({ width, height } = { width: 512, height: 512 }): Scene {
  return { document: emptyDocument({ x: 0, y: 0, width, height }), surfaces: new Map() };
}

/** Hold the work, tell who looks, and let one layer at a time be drawn on. */
export function createEasel(masking: Masking, brush: Brush) {
  const first = firstScene();
  let work: Work = {
    history: begin(first),
    snapshots: [],
    project: null,
    view: FIRST_VIEW,
    size: { width: 0, height: 0 },
    tool: "brush",
    brush,
    peek: false,
    masking,
    opened: false,
    saved: "saved",
  };
  let live: { layer: Layer; edit: Edit } | null = null;
  const listeners = new Set<() => void>();

  function set(change: Partial<Work>): void {
    work = { ...work, ...change };
    for (const listener of [...listeners]) listener();
  }

  function scene(): Scene {
    return work.history.now;
  }

  function go(next: Scene, mark: string | null = null): void {
    if (next === scene()) return;
    const history = advance(work.history, next, mark);
    set({ history: bounded(history, tilesIn, KEPT_TILES) });
  }

  function edit(change: (document: Document) => Document, mark: string | null = null): void {
    go(withDocument(scene(), change(scene().document)), mark);
  }

  /** Change what is no step of its own, as which layer is chosen. */
  function adjust(change: (document: Document) => Document): void {
    const now = withDocument(scene(), change(scene().document));
    set({ history: { ...work.history, now, mark: null } });
  }

  function travel(by: typeof undo): void {
    if (live) return;
    const history = by(work.history);
    if (history !== work.history) set({ history });
  }

  /** Begin to draw on a layer; one that is not there yet comes with what is drawn on it. */
  function start(layer: Layer): Edit {
    const room = MOST_TILES - countTiles(scene());
    live = { layer, edit: beginEdit(surfaceOf(scene(), layer.id), layer, room) };
    return live.edit;
  }

  /** End the drawing: keep it as one step, or forget it. Says whether there was room for all. */
  function finish(keep: boolean): boolean {
    const ended = live;
    live = null;
    if (!ended) return true;
    const { document } = scene();
    const held = layerOf(document, ended.layer.id) ? document : added(document, ended.layer);
    if (keep) go(withSurface(withDocument(scene(), held), ended.layer.id, ended.edit.surface));
    else set({});
    return !ended.edit.full;
  }

  /** Add a layer with a picture on it, as one step with what else is to be done. False: there is no room. */
  function place(layer: Layer, area: Rect, picture: CanvasImageSource, also: Also = {}): boolean {
    const before = also.before?.(scene().document) ?? scene().document;
    if (!hasRoom(before, layer.kind)) return false;
    const drawing = beginEdit(new Map(), layer, MOST_TILES - countTiles(scene()));
    drawing.draw(area, (context) => context.drawImage(picture, area.x, area.y, area.width, area.height));
    if (drawing.full) return false;
    const next = withSurface(withDocument(scene(), added(before, layer)), layer.id, drawing.surface);
    go(also.after?.(next) ?? next);
    return true;
  }

  return {
    get: () => work,
    set,
    scene,
    go,
    edit,
    adjust,
    start,
    finish,
    place,
    undo: () => travel(undo),
    redo: () => travel(redo),
    drawing: () => live !== null,
    /** Give the layers as they are on the screen, the lowest first. */
    layers: (): readonly Layer[] => {
      const { document } = scene();
      return live && !layerOf(document, live.layer.id) ? added(document, live.layer).layers : document.layers;
    },
    /** Give the pixels of a layer as they are on the screen, with what is being drawn. */
    pixels: (layer: string): Surface =>
      live?.layer.id === layer ? live.edit.surface : surfaceOf(scene(), layer),
    /** Say whether nobody opened or changed anything yet. */
    untouched: (): boolean => scene() === first,
    active: (): Layer | null => layerOf(scene().document, scene().document.active),
    create: (kind: LayerKind, name = ""): Layer => newLayer(scene().document, kind, newId(), name),
    /** Open another picture; there is no way back from it by undo. */
    open: (next: Scene, project: Project | null, snapshots: readonly Snapshot[] = []): void => {
      live = null;
      set({ history: begin(next), project, snapshots, opened: true });
    },
    subscribe: (listener: () => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** Read the colour at a point of the world, as it is shown; null where nothing is. */
export function colourAt(canvas: OffscreenCanvas, rect: Rect, at: Point): string | null {
  if (!intersect(rect, { ...at, width: 1, height: 1 })) return null;
  const [red = 0, green = 0, blue = 0, alpha = 0] = contextOf(canvas).getImageData(at.x - rect.x, at.y - rect.y, 1, 1).data;
  if (alpha === 0) return null;
  return `#${[red, green, blue].map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}
