import { memo, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { GraphNode, Problem } from "../api/wire.gen";
import { useFeature } from "../state/store";
import { Icon } from "../ui/icons";
import { workflowActions } from "./actions";
import { Control } from "./Control";
import { changeLayout, setSetting, toggled } from "./edits";
import { toggleInput } from "./inputs";
import { wordsOf } from "./names";
import { useProblemWords } from "./problemWords";
import { valueOf, type Field } from "./schema";

type Props = {
  node: GraphNode;
  field: Field;
  where: "node" | "form";
  faults: Problem[];
  fresh?: boolean; // only of a seed
  pinned?: boolean; // stands on the form
  label?: string; // the form's own words for it
  source?: string | undefined; // what is wired into it
  children?: ReactNode; // the port of it
};

/** One setting of a node: its words, its control, and what is wrong with it. */
export const Setting = memo(function Setting(props: Props): ReactNode {
  const { node, field, where, faults, fresh, pinned = false, source, children } = props;
  const { t } = useTranslation();
  const { edit } = useFeature(workflowActions);
  const words = useProblemWords();
  const id = `${where}-${node.id}-${field.name}`;
  const label = props.label || wordsOf(t, field.name);
  const wide = field.kind === "list" || field.kind === "raw" || field.kind === "image" ||
    (field.kind === "text" && field.long);
  const wired = source !== undefined;
  return (
    <div className="wf-setting" data-wide={wide} data-faulty={faults.length > 0}>
      {children}
      <span className="wf-label">
        <label htmlFor={id} title={field.help || undefined} dir="auto">{label}</label>
        {where === "node" && !wired && (
          <button
            type="button"
            className="wf-mini wf-pin nodrag"
            aria-pressed={pinned}
            aria-label={t(pinned ? "ui.workflow.unpin" : "ui.workflow.pin", { name: label })}
            title={t(pinned ? "ui.workflow.unpin" : "ui.workflow.pin", { name: label })}
            onClick={() => edit((doc) => toggleInput(doc, node.id, field.name, wordsOf(t, field.name)))}
          >
            <Icon name="pin" filled={pinned} />
          </button>
        )}
      </span>
      {wired ? (
        <span className="wf-wired" id={id}>{t("ui.workflow.wired", { name: source })}</span>
      ) : (
        <Control
          field={field}
          id={id}
          label={label}
          value={fresh && !Object.hasOwn(node.settings, field.name) ? undefined : valueOf(field, node.settings)}
          faulty={faults.length > 0}
          describedBy={faults.length > 0 ? `${id}-fault` : undefined}
          fresh={fresh}
          onFresh={
            fresh === undefined
              ? undefined
              : () => edit((doc) => changeLayout(doc, { fresh: toggled(doc.layout.fresh, `${node.id}.${field.name}`) }))
          }
          onChange={(value) => edit((doc) => setSetting(doc, node.id, field.name, value), id)}
        />
      )}
      {faults.length > 0 && (
        <p className="wf-fault" id={`${id}-fault`}>{faults.map(words).join(" ")}</p>
      )}
    </div>
  );
});
