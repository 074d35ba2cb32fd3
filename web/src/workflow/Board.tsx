import {
  Background, MiniMap, ReactFlow, SelectionMode, useReactFlow, useStore,
  type Connection, type EdgeChange, type FinalConnectionState, type HandleType, type NodeChange,
} from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import { useCallback, useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { chosenModel } from "../state/choices";
import { useFeature, useSelect, useTools } from "../state/store";
import { workflowActions } from "./actions";
import { BoardContext, type Board as BoardTools } from "./board";
import { BoardBar } from "./BoardBar";
import { GroupCard, NoteCard } from "./Boxes";
import { useCommands, type Parts } from "./commands";
import { fitOf, specOf, type End } from "./connect";
import { connect, disconnect, move, resize } from "./edits";
import { NodeHelp } from "./NodeHelp";
import { NodeCard } from "./NodeCard";
import type { Offer } from "./offers";
import { Palette } from "./Palette";
import { useProblemWords } from "./problemWords";
import { createProjection, createWires, type BoardNode, type View, type WireEdge } from "./project";
import { taken } from "./take";
import { choose, viewed } from "./view";

const TYPES = { step: NodeCard, note: NoteCard, group: GroupCard };
const MANY = 400; // nodes; fewer are all drawn, and moving about draws none anew
const FAR = 0.35; // of full size; nobody reads what is smaller, and its dots are dust: neither is painted
const SEVERAL = ["Control", "Meta"];
const PLAIN = { hideAttribution: true };
const MAP = { width: 144, height: 96 };
const FIT = { padding: 0.15, maxZoom: 1 };

type Asking = { at: { x: number; y: number }; end: End | null };

/** The graph: nodes, wires, and everything that hands and keys do to them. */
export function Board(): ReactNode {
  const { t } = useTranslation();
  const tools = useTools();
  const { edit } = useFeature(workflowActions);
  const flow = useReactFlow<BoardNode, WireEdge>();
  const far = useStore(({ transform }) => transform[2] < FAR);
  const doc = useSelect((state) => state.workflow.doc);
  const catalogue = useSelect((state) => state.workflow.catalogue);
  const active = useSelect((state) => state.workflow.run?.node ?? null);
  const [view, setView] = useState<View>({});
  const [wire, setWire] = useState<string | null>(null);
  const [asking, setAsking] = useState<Asking | null>(null);
  const [help, setHelp] = useState<string | null>(null);
  const [project] = useState(createProjection);
  const [wires] = useState(createWires);
  const frame = useRef<HTMLDivElement>(null);
  const pointer = useRef<{ x: number; y: number } | null>(null);
  const nodes = useMemo(() => project(doc, view), [project, doc, view]);
  const sayWire = useCallback((from: string, to: string) => {
    const name = (type: string) => t(`nodes.${type}.title`, specOf(catalogue, type)?.title ?? type);
    return t("ui.workflow.wire_of", { from: name(from), to: name(to) });
  }, [t, catalogue]);
  const edges = useMemo(() => wires(doc, catalogue, wire, active, sayWire), [wires, doc, catalogue, wire, active, sayWire]);
  const latest = useRef({ view, wire });
  useEffect(() => {
    latest.current = { view, wire };
  });

  const changed = useCallback((changes: NodeChange<BoardNode>[]) => {
    const now = tools.get().workflow.doc;
    const next = viewed(latest.current.view, changes, now);
    latest.current = { ...latest.current, view: next.view };
    setView(next.view);
    if (Object.keys(next.moved).length > 0) edit((held) => move(held, next.moved));
    for (const box of next.resized) edit((held) => resize(held, box));
  }, [tools, edit]);

  const edgesChanged = useCallback((changes: EdgeChange<WireEdge>[]) => {
    for (const change of changes) if (change.type === "select") setWire(change.selected ? change.id : null);
  }, []);

  const allowed = useCallback((connection: Connection | WireEdge) => {
    const { doc: now, catalogue: known } = tools.get().workflow;
    const { source, target, sourceHandle, targetHandle } = connection;
    return fitOf(now, known, { source, target, output: sourceHandle ?? "", input: targetHandle ?? "" }) === "fits";
  }, [tools]);

  const joined = useCallback(({ source, target, sourceHandle, targetHandle }: Connection) => {
    edit((held) => connect(held, { source, target, output: sourceHandle ?? "", input: targetHandle ?? "" }));
  }, [edit]);

  const rejoined = useCallback((old: WireEdge, made: Connection) => edit((held) => {
    const moved = old.target !== made.target || old.targetHandle !== made.targetHandle;
    const cut = moved ? disconnect(held, old.target, old.targetHandle ?? "") : held;
    const { source, target, sourceHandle, targetHandle } = made;
    return connect(cut, { source, target, output: sourceHandle ?? "", input: targetHandle ?? "" });
  }), [edit]);

  const letGo = useCallback((_: MouseEvent | TouchEvent, old: WireEdge, __: HandleType, state: FinalConnectionState) => {
    if (!state.toHandle) edit((held) => disconnect(held, old.target, old.targetHandle ?? ""));
  }, [edit]);

  const said = useMemo(() => ({
    "node.a11yDescription.default": t("ui.workflow.node_keys"),
    "node.a11yDescription.keyboardDisabled": t("ui.workflow.node_keys"),
    "edge.a11yDescription.default": t("ui.workflow.wire_keys"),
    "minimap.ariaLabel": t("ui.workflow.minimap"),
    "handle.ariaLabel": t("ui.workflow.handle"),
  }), [t]);

  const dropped = useCallback((event: MouseEvent | TouchEvent, state: FinalConnectionState) => {
    const { fromHandle, toHandle, toNode } = state;
    if (!fromHandle?.id || toHandle || toNode) return;
    const point = "changedTouches" in event ? event.changedTouches[0] : event;
    if (!point) return;
    const side = fromHandle.type === "source" ? "out" : "in";
    setAsking({
      at: { x: point.clientX, y: point.clientY },
      end: { node: fromHandle.nodeId, port: fromHandle.id, side },
    });
  }, []);

  const centre = useCallback(() => {
    const box = frame.current?.getBoundingClientRect();
    return box ? { x: box.x + box.width / 2 - 140, y: box.y + box.height / 3 } : { x: 0, y: 0 };
  }, []);

  const parts = useMemo<Parts>(() => ({
    view: () => latest.current.view,
    wire: () => latest.current.wire,
    choose: (ids) => setView((held) => choose(held, ids)),
    ask: () => setAsking({ at: pointer.current ?? centre(), end: null }),
    pointer: () => pointer.current,
    frame,
  }), [centre]);
  const commands = useCommands(parts);

  const board = useMemo<BoardTools>(() => ({
    offer: (end, beside) => {
      const box = beside.getBoundingClientRect();
      setAsking({ at: { x: box.right + 8, y: box.top }, end });
    },
    help: setHelp,
  }), []);

  function pick(offer: Offer): void {
    const asked = asking;
    setAsking(null);
    if (!asked) return;
    const at = flow.screenToFlowPosition(asked.at);
    const held = tools.get().workflow.doc;
    const made = taken(held, offer, asked.end, [at.x, at.y], knownOf(tools.get));
    edit(() => made.doc);
    if (made.show !== null) commands.show(made.show);
  }

  return (
    <BoardContext value={board}>
      <div
        ref={frame}
        className="wf-board"
        data-far={far}
        dir="ltr"
        onPointerMove={(event) => (pointer.current = { x: event.clientX, y: event.clientY })}
        onPointerLeave={() => (pointer.current = null)}
        onDoubleClick={(event) => {
          if (!(event.target instanceof Element) || !event.target.classList.contains("react-flow__pane")) return;
          setAsking({ at: { x: event.clientX, y: event.clientY }, end: null });
        }}
      >
        <ReactFlow<BoardNode, WireEdge>
          nodes={nodes}
          edges={edges}
          nodeTypes={TYPES}
          onNodesChange={changed}
          onEdgesChange={edgesChanged}
          onConnect={joined}
          onConnectEnd={dropped}
          isValidConnection={allowed}
          onReconnect={rejoined}
          onReconnectEnd={letGo}
          deleteKeyCode={null}
          selectionKeyCode="Shift"
          multiSelectionKeyCode={SEVERAL}
          selectionMode={SelectionMode.Partial}
          zoomOnDoubleClick={false}
          connectionRadius={28}
          minZoom={0.1}
          maxZoom={2}
          fitView
          fitViewOptions={FIT}
          onlyRenderVisibleElements={doc.nodes.length > MANY}
          proOptions={PLAIN}
          ariaLabelConfig={said}
          aria-label={t("ui.workflow.graph")}
        >
          {!far && <Background gap={24} size={1} />}
          <MiniMap pannable zoomable style={MAP} nodeClassName={(node) => `wf-mini-${node.type}`} />
        </ReactFlow>
        <Wrong />
        <BoardBar commands={commands} />
      </div>
      {asking && <Palette at={asking.at} end={asking.end} onPick={pick} onClose={() => setAsking(null)} />}
      {help !== null && <NodeHelp type={help} onClose={() => setHelp(null)} />}
    </BoardContext>
  );
}

/** What is wrong with the whole graph: that it saves nothing, or goes round in a circle. */
function Wrong(): ReactNode {
  const words = useProblemWords();
  const faults = useSelect((state) => state.workflow.faults[""]);
  if (!faults) return null;
  return <p className="wf-wrong" role="status" dir="auto">{[...faults.own, ...Object.values(faults.fields).flat()].map(words).join(" ")}</p>;
}

/** Give what a new node's settings are filled from: the model that is preferred, and its size. */
function knownOf(get: ReturnType<typeof useTools>["get"]): Record<string, unknown> {
  const model = chosenModel(get());
  const side = { width: model?.defaults.width ?? 512, height: model?.defaults.height ?? 512 };
  return model ? { ...side, checkpoint: model.name } : side;
}
