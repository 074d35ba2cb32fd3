import { Modal } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useSelect } from "../state/store";
import { specOf } from "./connect";
import { typesOf, wordsOf } from "./names";
import { fieldsOf } from "./schema";

/** What a node type does, in the words of who wrote it. */
export function NodeHelp({ type, onClose }: { type: string; onClose: () => void }): ReactNode {
  const { t } = useTranslation();
  const spec = useSelect((state) => specOf(state.workflow.catalogue, type));
  if (!spec) return null;
  const ports = (list: typeof spec.inputs) =>
    list.map(({ name, types, doc }) => {
      const [words, kind] = [wordsOf(t, name), typesOf(t, types)];
      return [words, kind === words ? "" : kind, doc] as const; // an image that is called so is said once
    });
  const settings = fieldsOf(spec.settings).map(({ name, help }) => [wordsOf(t, name), "", help] as const);
  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      centered
      title={t(`nodes.${type}.title`, spec.title)}
      closeButtonProps={{ "aria-label": t("ui.close") }}
    >
      <div className="wf-docs" dir="auto">
        {spec.doc.split(/\n\s*\n/).map((part, place) => <p key={place}>{part}</p>)}
        <Section title={t("ui.workflow.inputs")} rows={ports(spec.inputs)} />
        <Section title={t("ui.workflow.outputs")} rows={ports(spec.outputs)} />
        <Section title={t("ui.nav.settings")} rows={settings} />
        <p className="quiet"><code>{type}</code></p>
      </div>
    </Modal>
  );
}

function Section({ title, rows }: { title: string; rows: (readonly [string, string, string])[] }): ReactNode {
  if (rows.length === 0) return null;
  return (
    <section>
      <h2 className="label">{title}</h2>
      <dl>
        {rows.map(([name, types, doc]) => (
          <div key={name}>
            <dt>{name}{types !== "" && <span className="quiet"> {types}</span>}</dt>
            <dd>{doc}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
