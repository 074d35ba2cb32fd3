import { useReactFlow } from "@xyflow/react";
import { useEffect, useMemo, type RefObject } from "react";
import { useTranslation } from "react-i18next";
import { typing, useKeys } from "../app/keys";
import { useFeature, useSelect, useTools } from "../state/store";
import { workflowActions } from "./actions";
import { arranged } from "./arrange";
import { copied, pasted } from "./clipboard";
import type { Point } from "./doc";
import { addGroup, addNote, disconnect, idsOf, remove } from "./edits";
import { edgeId, type BoardNode, type View, type WireEdge } from "./project";
import { chosen } from "./view";

export type Commands = {
  add: () => void;
  note: () => void;
  group: () => void;
  arrange: () => void;
  fit: () => void;
  zoom: (by: 1 | -1) => void;
  duplicate: () => void;
  remove: () => void;
  all: () => void;
  /** Choose a node and go to it. */
  show: (id: string) => void;
};

export type Parts = {
  view: () => View;
  wire: () => string | null;
  choose: (ids: readonly string[]) => void;
  ask: () => void;
  pointer: () => { x: number; y: number } | null;
  frame: RefObject<HTMLDivElement | null>;
};

const QUICK = { duration: 120 };

/** What keys, the clipboard and the board's buttons do. */
export function useCommands({ view, wire, choose, ask, pointer, frame }: Parts): Commands {
  const { t } = useTranslation();
  const tools = useTools();
  const { edit, undo, redo } = useFeature(workflowActions);
  const flow = useReactFlow<BoardNode, WireEdge>();
  const empty = useSelect((state) => idsOf(state.workflow.doc).length === 0);

  const commands = useMemo<Commands>(() => {
    const docNow = () => tools.get().workflow.doc;
    function put(text: string, at: Point | null): boolean {
      const made = pasted(docNow(), text, at);
      if (!made) return false;
      edit(() => made.doc);
      choose(made.ids);
      return true;
    }
    const spot = (): Point => {
      const box = frame.current?.getBoundingClientRect();
      const { x, y } = flow.screenToFlowPosition(
        pointer() ?? { x: (box?.x ?? 0) + (box?.width ?? 0) / 2, y: (box?.y ?? 0) + (box?.height ?? 0) / 2 },
      );
      return [Math.round(x), Math.round(y)];
    };
    return {
      add: ask,
      note: () => edit((doc) => addNote(doc, spot())),
      group: () => {
        const wanted = new Set(chosen(view()));
        const boxes = flow.getNodes().filter(({ id, type }) => wanted.has(id) && type !== "group").map((node) => ({
          id: node.id, ...node.position, width: node.measured?.width ?? 280, height: node.measured?.height ?? 200,
        }));
        edit((doc) => addGroup(doc, boxes, t("ui.workflow.group_new")));
      },
      arrange: () => {
        const sizes = new Map(flow.getNodes().map((node) => [node.id, node.measured]));
        edit((doc) => arranged(doc, tools.get().workflow.catalogue, (id) => {
          const size = sizes.get(id);
          return size?.width && size.height ? { width: size.width, height: size.height } : undefined;
        }));
        window.requestAnimationFrame(() => void flow.fitView({ padding: 0.1, maxZoom: 1, ...QUICK }));
      },
      fit: () => void flow.fitView({ padding: 0.1, maxZoom: 1, ...QUICK }),
      zoom: (by) => void (by > 0 ? flow.zoomIn(QUICK) : flow.zoomOut(QUICK)),
      duplicate: () => {
        const text = copied(docNow(), chosen(view()));
        if (text !== null) put(text, null);
      },
      remove: () => {
        const held = wire();
        const ids = chosen(view());
        edit((doc) => {
          const ended = doc.nodes.flatMap((node) => Object.keys(node.inputs).map((input) => [node.id, input] as const))
            .find(([id, input]) => edgeId(id, input) === held);
          return remove(ended && ids.length === 0 ? disconnect(doc, ...ended) : doc, ids);
        });
      },
      all: () => choose(idsOf(docNow())),
      show: (id) => {
        choose([id]);
        window.requestAnimationFrame(() => {
          const found = frame.current?.querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(id)}"]`);
          found?.focus({ preventScroll: true });
        });
      },
    };
  }, [ask, choose, edit, flow, frame, pointer, t, tools, view, wire]);

  const keys = useMemo(() => {
    const alone = (act: () => void) => (event: KeyboardEvent) => {
      if (typing(event.target) || document.querySelector("[role=dialog]")) return;
      event.preventDefault();
      act();
    };
    return {
      "/": alone(commands.add),
      tab: (event: KeyboardEvent) => {
        const idle = document.activeElement === document.body || document.activeElement?.id === "main";
        if (!event.shiftKey && idle && pointer() !== null) alone(commands.add)(event);
      },
      delete: alone(commands.remove),
      backspace: alone(commands.remove),
      "ctrl+z": (event: KeyboardEvent) => alone(event.shiftKey ? redo : undo)(event),
      "ctrl+y": alone(redo),
      "ctrl+a": alone(commands.all),
      "ctrl+d": alone(commands.duplicate),
      "ctrl+g": alone(commands.group),
      f: alone(commands.fit),
      l: alone(commands.arrange),
      n: alone(commands.note),
    };
  }, [commands, pointer, redo, undo]);
  useKeys(keys);

  useEffect(() => {
    function copy(event: ClipboardEvent): void {
      if (typing(event.target) || document.querySelector("[role=dialog]") || String(window.getSelection()) !== "") return;
      const text = copied(tools.get().workflow.doc, chosen(view()));
      if (text === null) return;
      event.clipboardData?.setData("text/plain", text);
      event.preventDefault();
      if (event.type === "cut") commands.remove();
    }
    function paste(event: ClipboardEvent): void {
      if (typing(event.target) || document.querySelector("[role=dialog]")) return;
      const text = event.clipboardData?.getData("text/plain") ?? "";
      const place = pointer();
      const at = place ? flow.screenToFlowPosition(place) : null;
      const made = pasted(tools.get().workflow.doc, text, at ? [Math.round(at.x), Math.round(at.y)] : null);
      if (!made) return;
      event.preventDefault();
      edit(() => made.doc);
      choose(made.ids);
    }
    document.addEventListener("copy", copy);
    document.addEventListener("cut", copy);
    document.addEventListener("paste", paste);
    return () => {
      document.removeEventListener("copy", copy);
      document.removeEventListener("cut", copy);
      document.removeEventListener("paste", paste);
    };
  }, [choose, commands, edit, flow, pointer, tools, view]);

  useEffect(() => {
    if (!empty) void flow.fitView({ padding: 0.15, maxZoom: 1 });
  }, [empty, flow]);

  return commands;
}
