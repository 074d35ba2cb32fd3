import type { NodeProps } from "@xyflow/react";
import { memo, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { GraphNode, NodeSpec } from "../api/wire.gen";
import { useFeature, useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { workflowActions } from "./actions";
import { useBoard } from "./board";
import { specOf } from "./connect";
import { nodeOf } from "./doc";
import { changeLayout, toggled } from "./edits";
import { isInput } from "./inputs";
import { NodeLive } from "./NodeLive";
import { own } from "./own";
import { InPort, OutPort, SettingPort } from "./Ports";
import { useProblemWords } from "./problemWords";
import { NO_FAULTS, type Faults } from "./problems";
import type { StepNode } from "./project";
import { fieldsOf, settingTypes, type Field } from "./schema";
import { passOf } from "./slice";
import { Setting } from "./Setting";

const SHOWN = 6; // settings of a node that is folded

/** One node: its ports, its settings, what is wrong with it, and what it is doing. */
export const NodeCard = memo(function NodeCard({ id, selected, height }: NodeProps<StepNode>): ReactNode {
  const node = useSelect((state) => nodeOf(state.workflow.doc, id));
  return node && <Card node={node} selected={selected} measured={height !== undefined} />;
});

function Card({ node, selected, measured }: { node: GraphNode; selected: boolean; measured: boolean }): ReactNode {
  const { t } = useTranslation();
  const { id } = node;
  const { help } = useBoard();
  const spec = useSelect((state) => specOf(state.workflow.catalogue, node.type));
  const known = useSelect((state) => state.workflow.catalogue !== null);
  const faults = useSelect((state) => own(state.workflow.faults, id)) ?? NO_FAULTS;
  const pass = useSelect((state) => passOf(state, id));
  const title = t(`nodes.${node.type}.title`, spec?.title ?? node.type);
  return (
    <article className="wf-node" data-measured={measured} data-pass={pass} data-selected={selected} data-faulty={faults.own.length > 0 || Object.keys(faults.fields).length > 0} aria-label={title}>
      <header className="wf-head" dir="auto">
        <strong>{title}</strong>
        {pass === "done" && <span className="wf-done" title={t("ui.workflow.done")}><Icon name="check" /><span className="hidden">{t("ui.workflow.done")}</span></span>}
        {spec && (
          <button
            type="button"
            className="wf-mini nodrag"
            aria-label={t("ui.workflow.help", { name: title })}
            title={spec.doc}
            onClick={() => help(node.type)}
          >
            <Icon name="help" />
          </button>
        )}
      </header>
      {spec ? (
        <>
          <PortRows node={node} spec={spec} faults={faults} />
          <Settings node={node} spec={spec} faults={faults} />
          <NodeLive id={id} sink={spec.sink} active={pass === "active"} />
        </>
      ) : (
        known && <p className="wf-fault">{t("ui.workflow.unknown_type", { type: node.type })}</p>
      )}
      <Own faults={faults} unknown={!spec} />
    </article>
  );
}

function Own({ faults, unknown }: { faults: Faults; unknown: boolean }): ReactNode {
  const words = useProblemWords();
  const told = faults.own.filter(({ code }) => !(unknown && code === "unknown_node"));
  return told.map((problem, place) => <p key={place} className="wf-fault">{words(problem)}</p>);
}

type Part = { node: GraphNode; spec: NodeSpec; faults: Faults };

function PortRows({ node, spec, faults }: Part): ReactNode {
  const words = useProblemWords();
  const wiredOnly = spec.inputs.filter(({ name }) => faults.fields[name]);
  return (
    <div className="wf-ports">
      <ul>
        {spec.inputs.map((port) => (
          <InPort key={port.name} node={node.id} port={port} wired={Object.hasOwn(node.inputs, port.name)} faulty={Boolean(faults.fields[port.name])} />
        ))}
      </ul>
      <ul>
        {spec.outputs.map((port) => (
          <OutPort key={port.name} node={node.id} port={port} />
        ))}
      </ul>
      {wiredOnly.length > 0 && (
        <p className="wf-fault">{wiredOnly.flatMap(({ name }) => faults.fields[name] ?? []).map(words).join(" ")}</p>
      )}
    </div>
  );
}

function Settings({ node, spec, faults }: Part): ReactNode {
  const { t } = useTranslation();
  const { edit } = useFeature(workflowActions);
  const open = useSelect((state) => state.workflow.doc.layout.open.includes(node.id));
  const fields = fieldsOf(spec.settings);
  const few = fields.length <= SHOWN + 1;
  const shown = few || open ? fields : fields.filter((field, place) => matters(field, place, node, faults));
  const hidden = fields.length - shown.length;
  if (fields.length === 0) return null;
  return (
    <div className="wf-settings">
      {shown.map((field) => (
        <OneSetting key={field.name} node={node} spec={spec} field={field} faults={faults} />
      ))}
      {!few && (hidden > 0 || open) && (
        <button
          type="button"
          className="wf-more nodrag"
          aria-expanded={open}
          onClick={() => edit((doc) => changeLayout(doc, { open: toggled(doc.layout.open, node.id) }))}
        >
          {open ? t("ui.workflow.fewer") : t("ui.workflow.more", { count: hidden })}
        </button>
      )}
    </div>
  );
}

/** Say whether a folded node shows a setting: the first ones, what is set, wired or wrong. */
function matters(field: Field, place: number, node: GraphNode, faults: Faults): boolean {
  const set = Object.hasOwn(node.settings, field.name) && node.settings[field.name] !== field.preset;
  return place < SHOWN || set || Object.hasOwn(node.inputs, field.name) || Boolean(faults.fields[field.name]);
}

const NONE: never[] = [];
const PORTED = new Set<Field["kind"]>(["number", "seed", "boolean", "text"]); // others take a wire, too, and seldom have one

function OneSetting({ node, spec, field, faults }: Part & { field: Field }): ReactNode {
  const { t } = useTranslation();
  const pinned = useSelect((state) => isInput(state.workflow.doc, node.id, field.name));
  const fresh = useSelect((state) => state.workflow.doc.layout.fresh.includes(`${node.id}.${field.name}`));
  const from = node.inputs[field.name]?.[0];
  const fromType = useSelect((state) => (from === undefined ? undefined : nodeOf(state.workflow.doc, from)?.type));
  const takes = settingTypes(spec.settings, field.name);
  const source = from === undefined ? undefined : t(`nodes.${fromType ?? ""}.title`, fromType ?? from);
  return (
    <Setting
      node={node}
      field={field}
      where="node"
      faults={faults.fields[field.name] ?? NONE}
      pinned={pinned}
      source={source}
      {...(field.kind === "seed" ? { fresh } : {})}
    >
      {takes.length > 0 && (PORTED.has(field.kind) || from !== undefined) && <SettingPort node={node.id} name={field.name} types={takes} wired={from !== undefined} />}
    </Setting>
  );
}
