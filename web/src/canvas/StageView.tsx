import type Konva from "konva";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Layer, Stage } from "react-konva";
import { useTools } from "../state/store";
import { FIRST_VIEW } from "./easel";
import type { Refusal } from "./gestures";
import { emptyHand } from "./hand";
import { createOverlay, type Ink } from "./overlay";
import { listen } from "./pointer";
import { createScreen, type Screen } from "./screen";
import { useCanvas, useStaged, useWork } from "./use";

const REFUSED: Record<Refusal, string> = {
  locked: "ui.canvas.refused_locked",
  hidden: "ui.canvas.refused_hidden",
  full: "ui.canvas.full",
  nothing: "ui.canvas.refused_nothing",
  outside: "ui.canvas.refused_outside",
};

function inkOf(element: Element): Ink & { paper: string } {
  const style = getComputedStyle(element);
  const token = (name: string) => style.getPropertyValue(name).trim();
  return {
    accent: token("--accent"), on: token("--on-accent"), veil: token("--veil"), text: token("--text"),
    font: style.fontFamily, paper: token("--surface"),
  };
}

/** The picture itself. React places it; from there on pointers, easel and screen talk directly. */
export function StageView(): ReactNode {
  const { t } = useTranslation();
  const { easel, fit } = useCanvas();
  const { toast, get } = useTools();
  const frame = useRef<HTMLDivElement>(null);
  const pixels = useRef<Konva.Layer>(null);
  const over = useRef<Konva.Layer>(null);
  const screen = useRef<Screen>(null);
  const [size, setSize] = useState({ width: 1, height: 1 });
  const opened = useWork((work) => work.opened);
  const staged = useStaged();
  const peek = useWork((work) => work.peek);

  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const watch = new ResizeObserver(() => {
      const next = { width: element.clientWidth, height: element.clientHeight };
      setSize(next);
      easel.set({ size: next });
    });
    watch.observe(element);
    return () => watch.disconnect();
  }, [easel]);

  useEffect(() => {
    const element = frame.current;
    if (!element || !pixels.current || !over.current) return;
    const hand = emptyHand();
    let ink = inkOf(element);
    const painted = createScreen(easel, hand, pixels.current, () => ink.paper);
    const overlay = createOverlay(easel, hand, over.current, () => ink);
    const most = () => get().capabilities?.limits.side ?? 4096;
    const refuse = (why: Refusal) => toast(t(REFUSED[why]));
    const pointer = listen(element, { easel, hand, screen: painted, refuse, most }, overlay);
    screen.current = painted;

    let { view, history, size: shown } = easel.get();
    const forget = easel.subscribe(() => {
      const work = easel.get();
      const other = work.view !== view || work.history.now !== history.now || work.size !== shown;
      ({ view, history, size: shown } = work);
      if (other || !easel.drawing()) painted.redraw();
      overlay();
    });
    const scheme = new MutationObserver(() => {
      ink = inkOf(element);
      painted.redraw();
      overlay();
    });
    scheme.observe(document.documentElement, { attributeFilter: ["data-mantine-color-scheme"] });

    function space(event: KeyboardEvent): void {
      const free = event.target === element || event.target === document.body;
      if (event.key !== " " || !free) return;
      event.preventDefault();
      pointer.space(event.type === "keydown");
    }
    window.addEventListener("keydown", space);
    window.addEventListener("keyup", space);
    painted.redraw();
    overlay();
    const drawn = [pixels.current, over.current];
    return () => {
      for (const layer of drawn) layer.destroyChildren();
      window.removeEventListener("keydown", space);
      window.removeEventListener("keyup", space);
      scheme.disconnect();
      forget();
      pointer.close();
      screen.current = null;
    };
  }, [easel, get, t, toast]);

  useEffect(() => screen.current?.stage(peek ? null : staged), [staged, peek]);

  const measured = size.width > 1;
  useEffect(() => {
    if (opened && measured && easel.get().view === FIRST_VIEW) fit();
  }, [easel, opened, measured, fit]);

  return (
    <div ref={frame} className="canvas-stage" dir="ltr" tabIndex={0} role="application" aria-label={t("ui.canvas.stage")}>
      <Stage width={size.width} height={size.height} listening={false}>
        <Layer ref={pixels} listening={false} />
        <Layer ref={over} listening={false} />
      </Stage>
    </div>
  );
}
