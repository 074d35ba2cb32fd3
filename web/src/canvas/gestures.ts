import { inkOf } from "./brush";
import { colourAt, type Easel, type Tool } from "./easel";
import { flood } from "./flood";
import { between, dragged, gripAt, outward, union, within, type Point, type Rect } from "./geometry";
import type { Layer } from "./document";
import type { Hand } from "./hand";
import { flatten, isPicture } from "./render";
import type { Screen } from "./screen";
import { beginStroke } from "./stroke";
import { contextOf, type Context, type Edit } from "./tiles";

/** One press of the pointer, from down to up. Points are of the world. */
export type Gesture = {
  move: (point: Point, pressure: number) => void;
  end: () => void;
  cancel: () => void;
};

export type Refusal = "locked" | "hidden" | "full" | "nothing" | "outside";

export type Bench = {
  easel: Easel;
  hand: Hand;
  screen: Screen;
  refuse: (why: Refusal) => void;
  most: () => number; // pixels of a side that the server draws
};

export type Press = { point: Point; alt: boolean; shift: boolean; pressure: number };

const GRID = 8; // pixels; the sides a model takes are multiples of it
const FINE = 1; // with Alt the box moves by this
const SLACK = 10; // pixels of the screen around an edge of the box
const TOLERANCE = 24; // of a channel, for a fill

let last: Point | null = null; // where the last stroke ended: Shift draws a line from there

/** Begin what a tool does where the pointer went down. */
export function beginGesture(bench: Bench, tool: Tool, press: Press): Gesture | null {
  switch (tool) {
    case "brush":
    case "eraser":
      return stroke(bench, press, tool === "eraser" || press.alt);
    case "lasso":
    case "rect":
      return area(bench, press, tool === "lasso");
    case "box":
      return resize(bench, press);
    case "move":
      return carry(bench, press);
    case "fill":
      return fill(bench, press.point);
    case "picker":
      return pick(bench, press.point);
    case "pan":
      return null;
  }
}

/** Give the layer to draw on: the active one, or a new one where there is none. */
function canvasOf({ easel, refuse }: Bench, erase: boolean): Layer | null {
  const active = easel.active();
  if (active?.locked) return refused(refuse, "locked");
  if (active?.hidden) return refused(refuse, "hidden");
  if (active) return active;
  if (erase) return refused(refuse, "nothing");
  return easel.create(easel.scene().document.layers.length === 0 ? "image" : "mask");
}

function refused(refuse: Bench["refuse"], why: Refusal): null {
  refuse(why);
  return null;
}

function stroke(bench: Bench, press: Press, erase: boolean): Gesture | null {
  const layer = canvasOf(bench, erase);
  if (!layer) return null;
  const { easel, screen } = bench;
  const { brush } = easel.get();
  const opacity = layer.kind === "image" ? brush.opacity : 100; // a mask's greys come of its soft edge
  const paint = beginStroke(easel.start(layer), layer, { ...brush, opacity }, inkOf(layer, brush.colour), erase);
  let from = press.shift && last ? last : press.point;

  function to(point: Point, pressure: number): void {
    const changed = paint(from, point, Math.max(1, brush.size * pressure));
    if (changed) screen.touch(changed);
    from = point;
  }

  to(press.point, press.pressure);
  return {
    move: to,
    end: () => {
      last = from;
      finish(bench);
    },
    cancel: () => void easel.finish(false),
  };
}

function finish({ easel, refuse }: Bench): void {
  if (!easel.finish(true)) refuse("full");
}

/** Paint all that a lasso or a rectangle surrounds; with Alt it is erased. */
function area(bench: Bench, press: Press, free: boolean): Gesture | null {
  const layer = canvasOf(bench, press.alt);
  if (!layer) return null;
  const { easel, hand } = bench;
  let points = [press.point];
  hand.outline = free ? points : null;
  hand.frame = free ? null : between(press.point, press.point);

  function clear(): void {
    hand.outline = null;
    hand.frame = null;
  }

  return {
    move: (point) => {
      if (free) points.push(point);
      else {
        points = cornersOf(press.point, point);
        hand.frame = between(press.point, point);
      }
    },
    end: () => {
      clear();
      if (points.length < 3) {
        easel.set({});
        return;
      }
      const bounds = outward(points.reduce<Rect | null>((held, point) =>
        union(held, { x: point.x - 1, y: point.y - 1, width: 2, height: 2 }), null) as Rect);
      const edit = easel.start(layer);
      draw(edit, bounds, points, inkOf(layer, easel.get().brush.colour), press.alt);
      finish(bench);
    },
    cancel: () => {
      clear();
      easel.set({});
    },
  };
}

function cornersOf(one: Point, two: Point): Point[] {
  const [a, b] = [roundedPoint(one), roundedPoint(two)];
  return [a, { x: b.x, y: a.y }, b, { x: a.x, y: b.y }];
}

function roundedPoint({ x, y }: Point): Point {
  return { x: Math.round(x), y: Math.round(y) };
}

function draw(edit: Edit, bounds: Rect, points: Point[], ink: string, erase: boolean): void {
  edit.draw(bounds, (context: Context) => {
    context.fillStyle = ink;
    context.beginPath();
    for (const { x, y } of points) context.lineTo(x, y);
    context.closePath();
    context.fill();
  }, erase);
}

function resize({ easel, hand, screen, most }: Bench, press: Press): Gesture | null {
  const { box } = easel.scene().document;
  const grip = gripAt(box, press.point, SLACK / easel.get().view.scale);
  if (!grip) return null;
  const grid = grip === "move" && press.alt ? FINE : GRID;
  return {
    move: ({ x, y }) => {
      const by = { x: x - press.point.x, y: y - press.point.y };
      hand.box = dragged(box, grip, by, grid, most());
      screen.redraw();
    },
    end: () => {
      const next = hand.box;
      hand.box = null;
      if (next) easel.edit((document) => ({ ...document, box: next }));
    },
    cancel: () => {
      hand.box = null;
      easel.set({});
    },
  };
}

function carry({ easel, hand, screen, refuse }: Bench, press: Press): Gesture | null {
  const layer = easel.active();
  if (!layer) return refused(refuse, "nothing");
  if (layer.locked) return refused(refuse, "locked");
  let by = { x: 0, y: 0 };
  return {
    move: (point) => {
      by = roundedPoint({ x: point.x - press.point.x, y: point.y - press.point.y });
      hand.carry = { layer: layer.id, ...by };
      screen.redraw();
    },
    end: () => {
      hand.carry = null;
      if (by.x === 0 && by.y === 0) return;
      easel.edit((document) => ({
        ...document,
        layers: document.layers.map((held) =>
          held.id === layer.id ? { ...held, x: held.x + by.x, y: held.y + by.y } : held),
      }));
    },
    cancel: () => {
      hand.carry = null;
      easel.set({});
    },
  };
}

/** Paint what hangs together in the pictures of the box and looks alike. */
function fill(bench: Bench, point: Point): null {
  const { easel, refuse } = bench;
  const { box } = easel.scene().document;
  if (!within(box, point)) return refused(refuse, "outside");
  const layer = canvasOf(bench, false);
  if (!layer) return null;
  const { width, height } = box;
  const pictures = contextOf(flatten(easel.scene(), box, isPicture)).getImageData(0, 0, width, height);
  const found = flood(pictures, Math.floor(point.x - box.x), Math.floor(point.y - box.y), TOLERANCE);
  const shape = new OffscreenCanvas(width, height);
  const context = contextOf(shape);
  for (let at = 0; at < found.length; at += 1) pictures.data[at * 4 + 3] = found[at] ?? 0;
  context.putImageData(pictures, 0, 0);
  context.globalCompositeOperation = "source-in";
  context.fillStyle = inkOf(layer, easel.get().brush.colour);
  context.fillRect(0, 0, width, height);
  easel.start(layer).draw(box, (target) => target.drawImage(shape, box.x, box.y));
  finish(bench);
  return null;
}

function pick({ easel }: Bench, point: Point): null {
  const rect = { x: Math.floor(point.x), y: Math.floor(point.y), width: 1, height: 1 };
  const colour = colourAt(flatten(easel.scene(), rect, isPicture), rect, rect);
  if (colour) easel.set({ brush: { ...easel.get().brush, colour }, tool: "brush" });
  return null;
}
