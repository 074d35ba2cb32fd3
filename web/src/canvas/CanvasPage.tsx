import { useEffect, useMemo, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useKeys, type Keys } from "../app/keys";
import { turn } from "../app/route";
import { useSelect } from "../state/store";
import type { CanvasActions } from "./actions";
import { Bar } from "./Bar";
import { digits, hardened, resized } from "./brush";
import { TOOLS } from "./easel";
import { peek } from "./peek";
import { Projects } from "./Projects";
import { Side } from "./Side";
import { StageView } from "./StageView";
import { StagingStrip } from "./StagingStrip";
import { DIGITS, TOOL_KEYS } from "./toolKeys";
import { Tools } from "./Tools";
import { useCanvas, useWork } from "./use";
import "./canvas.css";

/** Paint, mask, and let the model do the rest in the box. */
export function CanvasPage({ rest }: { rest: string[] }): ReactNode {
  const { t } = useTranslation();
  const canvas = useCanvas();
  const { start, run, openImage, takeFile, settle } = canvas;
  const [projects, setProjects] = useState(false);
  const staged = useSelect((state) => state.canvas.staging !== null);
  const ready = useSelect((state) => state.models !== null);
  const opened = useWork((work) => work.opened);
  const [opening] = rest;

  useEffect(() => run(start), [run, start]);
  useEffect(() => {
    if (ready && opened) settle();
  }, [ready, opened, settle]);
  useEffect(() => {
    if (opening === undefined) return;
    turn("canvas");
    openImage(opening);
  }, [opening, openImage]);

  const keys = useMemo(() => keysOf(canvas, staged, () => setProjects(true)), [canvas, staged]);
  useKeys(keys, !projects);

  return (
    <div
      className="page canvas"
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        const file = pictureIn(event.dataTransfer) ?? event.dataTransfer.files[0];
        if (!file) return;
        event.preventDefault();
        takeFile(file);
      }}
      onPaste={(event) => {
        const picture = pictureIn(event.clipboardData);
        if (picture) takeFile(picture);
      }}
    >
      <h1 className="hidden">{t("ui.nav.canvas")}</h1>
      <Tools />
      <div className="canvas-middle">
        <Bar onProjects={() => setProjects(true)} />
        <StageView />
        <StagingStrip />
      </div>
      <Side />
      <p className="canvas-phone">{t("ui.canvas.phone")}</p>
      {projects && <Projects onClose={() => setProjects(false)} />}
    </div>
  );
}

function pictureIn(data: DataTransfer): File | undefined {
  return [...data.files].find((file) => file.type.startsWith("image/"));
}

function stage(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.classList.contains("canvas-stage");
}

function keysOf(canvas: CanvasActions, staged: boolean, projects: () => void): Keys {
  const { easel, generate, accept, discard, show, fit, zoom } = canvas;
  const tools = TOOLS.map((tool) => [TOOL_KEYS[tool], () => easel.set({ tool })] as const);

  const opacityOf = digits();
  const opacities = DIGITS.map((digit) => [digit, (event: KeyboardEvent) =>
    easel.set({ brush: { ...easel.get().brush, opacity: opacityOf(Number(digit), event.timeStamp) } })] as const);
  const brush = (change: typeof resized, more: boolean) => () => easel.set({ brush: change(easel.get().brush, more) });

  /** Leave a shortcut to the field that somebody types in. */
  function unlessTyping(act: (event: KeyboardEvent) => void): (event: KeyboardEvent) => void {
    return (event) => {
      const { target } = event;
      if (target instanceof HTMLElement && ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName)) return;
      event.preventDefault();
      act(event);
    };
  }

  return {
    ...Object.fromEntries(tools),
    ...Object.fromEntries(opacities),
    "[": brush(resized, false),
    "]": brush(resized, true),
    "{": brush(hardened, false),
    "}": brush(hardened, true),
    "+": () => zoom(1.25),
    "=": () => zoom(1.25),
    "-": () => zoom(0.8),
    f: fit,
    "ctrl+enter": generate,
    "ctrl+z": unlessTyping((event) => (event.shiftKey ? easel.redo() : easel.undo())),
    "ctrl+y": unlessTyping(easel.redo),
    "ctrl+s": (event) => {
      event.preventDefault();
      projects();
    },
    ...(staged
      ? {
          arrowleft: () => show(-1),
          arrowright: () => show(1),
          x: () => peek(canvas),
          escape: discard,
          enter: (event: KeyboardEvent) => {
            if (event.target === document.body || stage(event.target)) accept();
          },
        }
      : {}),
  };
}
