import { resized } from "./brush";
import type { Easel, Tool } from "./easel";
import { gripAt, limit, toWorld, zoomed, type Point } from "./geometry";
import { beginGesture, type Bench, type Gesture } from "./gestures";

const WHEEL = 0.0015; // how much of a wheel's pixel becomes zoom
const PINCH = 0.01; // likewise with two fingers on a touch pad
const CURSORS: Record<string, string> = {
  move: "move", n: "ns-resize", s: "ns-resize", e: "ew-resize", w: "ew-resize",
  nw: "nwse-resize", se: "nwse-resize", ne: "nesw-resize", sw: "nesw-resize",
};

export type Pointer = { space: (held: boolean) => void; close: () => void };

/** Turn what mouse, pen and fingers do on the stage into gestures, pans and zooms. */
export function listen(stage: HTMLElement, bench: Bench, overlay: () => void): Pointer {
  const { easel, hand } = bench;
  const fingers = new Map<number, Point>();
  const ended = new AbortController();
  const options = { signal: ended.signal };
  let gesture: Gesture | null = null;
  let panning: Point | null = null;
  let spaced = false;
  let corner = stage.getBoundingClientRect();

  function at(event: MouseEvent): Point {
    return { x: event.clientX - corner.left, y: event.clientY - corner.top };
  }

  function weightOf(event: PointerEvent): number {
    return easel.get().brush.pressure ? pressureOf(event) : 1;
  }

  function world(event: MouseEvent): Point {
    return toWorld(easel.get().view, at(event));
  }

  function down(event: PointerEvent): void {
    corner = stage.getBoundingClientRect();
    stage.focus({ preventScroll: true });
    stage.setPointerCapture(event.pointerId);
    if (event.pointerType === "touch") fingers.set(event.pointerId, at(event));
    if (fingers.size > 1) {
      gesture?.cancel();
      gesture = null;
      return;
    }
    const tool: Tool = spaced || event.button === 1 ? "pan" : easel.get().tool;
    if (tool === "pan") panning = at(event);
    else if (event.button === 0) {
      const press = { point: world(event), alt: event.altKey, shift: event.shiftKey, pressure: weightOf(event) };
      gesture = beginGesture(bench, tool, press);
    }
    pointAt(event);
  }

  function move(event: PointerEvent): void {
    if (fingers.size > 1 && fingers.has(event.pointerId)) {
      pinch(event);
      return;
    }
    if (panning) {
      const { view } = easel.get();
      const here = at(event);
      easel.set({ view: { ...view, x: view.x + here.x - panning.x, y: view.y + here.y - panning.y } });
      panning = here;
    } else if (gesture) {
      const points = event.getCoalescedEvents();
      for (const point of points.length > 0 ? points : [event]) gesture.move(world(point), weightOf(point));
    }
    pointAt(event);
  }

  function pinch(event: PointerEvent): void {
    const [one, two] = [...fingers.values()];
    fingers.set(event.pointerId, at(event));
    const [first, second] = [...fingers.values()];
    if (!one || !two || !first || !second) return;
    const before = { x: (one.x + two.x) / 2, y: (one.y + two.y) / 2 };
    const now = { x: (first.x + second.x) / 2, y: (first.y + second.y) / 2 };
    const factor = Math.hypot(first.x - second.x, first.y - second.y) / Math.max(1, Math.hypot(one.x - two.x, one.y - two.y));
    const near = zoomed(easel.get().view, factor, before);
    easel.set({ view: { ...near, x: near.x + now.x - before.x, y: near.y + now.y - before.y } });
  }

  function up(event: PointerEvent): void {
    fingers.delete(event.pointerId);
    panning = null;
    const done = gesture;
    gesture = null;
    if (event.type === "pointercancel") done?.cancel();
    else done?.end();
    pointAt(event);
  }

  function pointAt(event: MouseEvent): void {
    hand.cursor = world(event);
    stage.style.cursor = cursorFor(easel, hand.cursor, spaced || panning !== null, panning !== null);
    overlay();
  }

  function wheel(event: WheelEvent): void {
    event.preventDefault();
    corner = stage.getBoundingClientRect();
    const { view, brush } = easel.get();
    const pixels = event.deltaMode === 1 ? event.deltaY * 16 : event.deltaY;
    if (event.altKey) {
      easel.set({ brush: resized(brush, pixels < 0) });
    } else if (event.shiftKey) {
      easel.set({ view: { ...view, x: view.x - (event.deltaX || pixels) } });
    } else {
      easel.set({ view: zoomed(view, Math.exp(-pixels * (event.ctrlKey ? PINCH : WHEEL)), at(event)) });
    }
    pointAt(event);
  }

  function leave(): void {
    hand.cursor = null;
    overlay();
  }

  stage.addEventListener("pointerdown", down, options);
  stage.addEventListener("pointermove", move, options);
  stage.addEventListener("pointerup", up, options);
  stage.addEventListener("pointercancel", up, options);
  stage.addEventListener("pointerleave", leave, options);
  stage.addEventListener("contextmenu", (event) => event.preventDefault(), options);
  stage.addEventListener("wheel", wheel, { ...options, passive: false });
  return {
    space: (held) => {
      spaced = held;
      if (hand.cursor) stage.style.cursor = cursorFor(easel, hand.cursor, held, false);
    },
    close: () => {
      gesture?.cancel();
      ended.abort();
    },
  };
}

function pressureOf(event: PointerEvent): number {
  return event.pointerType === "pen" && event.pressure > 0 ? limit(event.pressure * 1.25, 0.05, 1) : 1;
}

function cursorFor(easel: Easel, point: Point, pan: boolean, held: boolean): string {
  const { tool, view } = easel.get();
  if (pan || tool === "pan") return held ? "grabbing" : "grab";
  if (tool === "move") return "move";
  if (tool !== "box") return "crosshair";
  const grip = gripAt(easel.scene().document.box, point, 10 / view.scale);
  return grip ? (CURSORS[grip] ?? "default") : "default";
}
