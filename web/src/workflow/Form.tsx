import { ActionIcon } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { WorkflowInput } from "../api/wire.gen";
import { useFeature, useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { workflowActions } from "./actions";
import { specOf } from "./connect";
import { moveInput, relabel, toggleInput } from "./inputs";
import { wordsOf } from "./names";
import { own } from "./own";
import { fieldOf } from "./schema";
import { Setting } from "./Setting";

/** The inputs of a workflow as a form. `editable` lets them be named, moved and taken off. */
export function Form({ editable }: { editable: boolean }): ReactNode {
  const { t } = useTranslation();
  const inputs = useSelect((state) => state.workflow.doc.inputs);
  const [editing, setEditing] = useState(false);
  if (inputs.length === 0) return <p className="quiet">{t("ui.workflow.no_inputs")}</p>;
  return (
    <div className="wf-form" role="group" aria-label={t("ui.workflow.inputs")}>
      {inputs.map((input, place) => (
        <Entry key={`${input.node}.${input.setting}`} input={input} place={place} last={inputs.length - 1} editing={editable && editing} />
      ))}
      {editable && (
        <button type="button" className="wf-more" aria-pressed={editing} onClick={() => setEditing(!editing)}>
          {t(editing ? "ui.workflow.inputs_done" : "ui.workflow.inputs_edit")}
        </button>
      )}
    </div>
  );
}

type Props = { input: WorkflowInput; place: number; last: number; editing: boolean };
const NONE: never[] = [];

function Entry({ input, place, last, editing }: Props): ReactNode {
  const { t } = useTranslation();
  const { edit } = useFeature(workflowActions);
  const node = useSelect((state) => state.workflow.doc.nodes.find(({ id }) => id === input.node));
  const spec = useSelect((state) => (node ? specOf(state.workflow.catalogue, node.type) : undefined));
  const faults = useSelect((state) => own(own(state.workflow.faults, input.node)?.fields ?? {}, input.setting));
  const fresh = useSelect((state) => state.workflow.doc.layout.fresh.includes(`${input.node}.${input.setting}`));
  const field = spec ? fieldOf(spec.settings, input.setting) : undefined;
  const label = input.label || wordsOf(t, input.setting);
  if (editing) {
    return (
      <div className="wf-entry">
        <input
          className="wf-input"
          aria-label={t("ui.workflow.label_of", { name: label })}
          dir="auto"
          maxLength={200}
          value={input.label}
          placeholder={wordsOf(t, input.setting)}
          onChange={(event) => {
            const text = event.currentTarget.value;
            edit((doc) => relabel(doc, place, text), `label ${place}`);
          }}
        />
        <Small icon="up" label={t("ui.workflow.move_up", { name: label })} off={place === 0} act={() => edit((doc) => moveInput(doc, place, place - 1))} />
        <Small icon="down" label={t("ui.workflow.move_down", { name: label })} off={place === last} act={() => edit((doc) => moveInput(doc, place, place + 1))} />
        <Small icon="close" label={t("ui.workflow.unpin", { name: label })} act={() => edit((doc) => toggleInput(doc, input.node, input.setting, ""))} />
      </div>
    );
  }
  if (!node || !field) return <p className="wf-fault">{t("ui.workflow.input_gone", { name: label })}</p>;
  return (
    <Setting
      node={node}
      field={field}
      where="form"
      label={label}
      faults={faults ?? NONE}
      source={Object.hasOwn(node.inputs, input.setting) ? node.inputs[input.setting]?.[0] : undefined}
      {...(field.kind === "seed" ? { fresh } : {})}
    />
  );
}

function Small({ icon, label, off = false, act }: { icon: "up" | "down" | "close"; label: string; off?: boolean; act: () => void }): ReactNode {
  return (
    <ActionIcon variant="subtle" color="gray" size="md" disabled={off} aria-label={label} title={label} onClick={act}>
      <Icon name={icon} />
    </ActionIcon>
  );
}
