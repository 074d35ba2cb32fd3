import { useEffect, useRef, useState, type PointerEvent, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Image } from "../api/wire.gen";
import { MOST, moved, WHOLE, zoomed, type Zoom } from "./zoom";

const STEP = 1.25; // of the keys
const SWIPE = 60; // pixels of a finger that turn to the next picture

type Props = { image: Image; onTurn: (along: 1 | -1) => void };

/** One picture that wheel, fingers, keys and a double click make larger, and that can be moved. */
export function Stage({ image, onTurn }: Props): ReactNode {
  const { t } = useTranslation();
  const [zoom, setZoom] = useState<Zoom>(WHOLE);
  const stage = useRef<HTMLDivElement>(null);
  const points = useRef(new Map<number, { x: number; y: number; from: number }>());

  useEffect(() => {
    const place = stage.current;
    if (!place) return;
    function wheel(event: WheelEvent): void {
      event.preventDefault();
      const { x, y } = middle(place, event.clientX, event.clientY);
      setZoom((held) => zoomed(held, Math.exp(-event.deltaY / 400), x, y));
    }
    function press(event: KeyboardEvent): void {
      if (event.target instanceof HTMLElement && event.target.closest("input, textarea, select")) return;
      if (event.key === "+" || event.key === "=") setZoom((held) => zoomed(held, STEP, 0, 0));
      else if (event.key === "-") setZoom((held) => zoomed(held, 1 / STEP, 0, 0));
      else if (event.key === "0") setZoom(WHOLE);
      else if (event.key === "1") setZoom((held) => zoomed(held, actual(place, image) / held.scale, 0, 0));
    }
    place.addEventListener("wheel", wheel, { passive: false });
    window.addEventListener("keydown", press);
    return () => {
      place.removeEventListener("wheel", wheel);
      window.removeEventListener("keydown", press);
    };
  }, [image]);

  function move(event: PointerEvent): void {
    const held = points.current.get(event.pointerId);
    if (!held) return;
    const others = [...points.current].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
    const box = stage.current?.getBoundingClientRect();
    const [dx, dy] = [event.clientX - held.x, event.clientY - held.y];
    const [other] = others;
    if (other) {
      const before = Math.hypot(held.x - other.x, held.y - other.y) || 1;
      const factor = Math.hypot(event.clientX - other.x, event.clientY - other.y) / before;
      const { x, y } = middle(stage.current, (event.clientX + other.x) / 2, (event.clientY + other.y) / 2);
      setZoom((at) => zoomed(at, factor, x, y));
    } else if (zoom.scale > 1) {
      setZoom((at) => moved(at, dx, dy, box?.width ?? 0, box?.height ?? 0));
    }
    points.current.set(event.pointerId, { ...held, x: event.clientX, y: event.clientY });
  }

  function lift(event: PointerEvent): void {
    const held = points.current.get(event.pointerId);
    points.current.delete(event.pointerId);
    if (!held || zoom.scale > 1 || event.pointerType !== "touch" || points.current.size > 0) return;
    const swiped = event.clientX - held.from;
    if (Math.abs(swiped) > SWIPE) onTurn(swiped < 0 ? 1 : -1);
  }

  return (
    <div
      ref={stage}
      className="stage"
      data-zoomed={zoom.scale > 1 || undefined}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        points.current.set(event.pointerId, { x: event.clientX, y: event.clientY, from: event.clientX });
      }}
      onPointerMove={move}
      onPointerUp={lift}
      onPointerCancel={(event) => points.current.delete(event.pointerId)}
      onDoubleClick={(event) => {
        const { x, y } = middle(stage.current, event.clientX, event.clientY);
        setZoom((held) => (held.scale > 1 ? WHOLE : zoomed(held, Math.max(2, actual(stage.current, image)), x, y)));
      }}
    >
      <img
        src={image.url}
        width={image.width}
        height={image.height}
        alt={image.prompt || t("ui.picture")}
        draggable={false}
        style={{ transform: `translate(${zoom.x}px, ${zoom.y}px) scale(${zoom.scale})`, imageRendering: zoom.scale > 4 ? "pixelated" : "auto" }}
      />
      {zoom.scale > 1 && <output className="stage-zoom" dir="ltr">{Math.round(zoom.scale * 100)} %</output>}
    </div>
  );
}

/** Tell a point from the middle of the stage. */
function middle(place: HTMLElement | null, x: number, y: number): { x: number; y: number } {
  const box = place?.getBoundingClientRect();
  return box ? { x: x - box.left - box.width / 2, y: y - box.top - box.height / 2 } : { x: 0, y: 0 };
}

/** Give the scale at which a pixel of the picture is one of the screen. */
function actual(place: HTMLElement | null, image: Image): number {
  const shown = place?.querySelector("img");
  const fitted = shown ? Math.min(shown.offsetWidth / image.width, shown.offsetHeight / image.height) : 1;
  return Math.min(MOST, Math.max(1, 1 / (fitted || 1)));
}
