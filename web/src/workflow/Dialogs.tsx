import { Button, Modal } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { LeftOut } from "../api/wire.gen";
import { useFeature, useSelect } from "../state/store";
import { workflowActions } from "./actions";

/** Ask what is to become of changes before something else is opened. */
export function Unsaved({ onSave }: { onSave: (then: () => void) => void }): ReactNode {
  const { t } = useTranslation();
  const { open, unwanted } = useFeature(workflowActions);
  const wanted = useSelect((state) => state.workflow.wanted);
  const name = useSelect((state) => state.workflow.doc.name);
  if (!wanted) return null;
  return (
    <Modal opened onClose={unwanted} centered title={t("ui.workflow.unsaved_title")} closeButtonProps={{ "aria-label": t("ui.close") }}>
      <div className="stack">
        <p dir="auto">{t("ui.workflow.unsaved_text", { name: name || t("ui.workflow.untitled") })}</p>
        <div className="wf-choices">
          <Button variant="default" onClick={() => open(wanted)}>{t("ui.workflow.discard")}</Button>
          <Button data-autofocus onClick={() => onSave(() => open(wanted))}>{t("ui.workflow.save")}</Button>
        </div>
      </div>
    </Modal>
  );
}

/** Ask for a name; it is needed to save. */
export function NameIt({ onClose, onDone }: { onClose: () => void; onDone: () => void }): ReactNode {
  const { t } = useTranslation();
  const { save } = useFeature(workflowActions);
  const saving = useSelect((state) => state.workflow.saving);
  const [name, setName] = useState("");
  return (
    <Modal opened onClose={onClose} centered title={t("ui.workflow.name_it")} closeButtonProps={{ "aria-label": t("ui.close") }}>
      <form className="stack" onSubmit={(event) => {
        event.preventDefault();
        void save(name.trim()).then((done) => {
          if (done) onDone();
        });
      }}>
        <input
          className="wf-input"
          data-autofocus
          aria-label={t("ui.workflow.name")}
          placeholder={t("ui.workflow.name")}
          dir="auto"
          maxLength={200}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <div className="wf-choices">
          <Button type="submit" disabled={name.trim() === ""} aria-busy={saving}>{t("ui.workflow.save")}</Button>
        </div>
      </form>
    </Modal>
  );
}

/** Say that somebody else saved it meanwhile; nothing is lost whichever is chosen. */
export function Conflict(): ReactNode {
  const { t } = useTranslation();
  const { settle } = useFeature(workflowActions);
  const theirs = useSelect((state) => state.workflow.theirs);
  if (!theirs) return null;
  return (
    <div className="wf-conflict" role="alert">
      <p dir="auto">{t("ui.workflow.conflict", { name: theirs.name })}</p>
      <Button size="compact-sm" variant="default" onClick={() => settle("mine")}>{t("ui.workflow.keep_mine")}</Button>
      <Button size="compact-sm" variant="default" onClick={() => settle("theirs")}>{t("ui.workflow.keep_theirs")}</Button>
      <Button size="compact-sm" variant="default" onClick={() => settle("copy")}>{t("ui.workflow.keep_both")}</Button>
    </div>
  );
}

const NAMES = 12; // that are told of a kind

/** Say what of another program's workflow did not come over, until it is read. */
export function TakenOver(): ReactNode {
  const { t } = useTranslation();
  const { understood } = useFeature(workflowActions);
  const leftOut = useSelect((state) => state.workflow.leftOut);
  if (leftOut.length === 0) return null;
  const told = (codes: LeftOut["code"][]) => leftOut.filter(({ code }) => codes.includes(code));
  const gone = told(["no_equal", "circle", "damaged"]);
  const first = told(["first_only"]);
  const boards = told(["board"]);
  const fields = told(["field"]);
  return (
    <div className="wf-conflict" role="status">
      <div className="wf-told" dir="auto">
        {gone.length > 0 && <p>{t("ui.workflow.left_out", { count: gone.length, names: names(gone) })}</p>}
        {fields.length > 0 && <p>{t("ui.workflow.left_fields", { names: names(fields) })}</p>}
        {first.length > 0 && <p>{t("ui.workflow.left_first", { names: names(first) })}</p>}
        {boards.length > 0 && <p>{t("ui.workflow.left_board")}</p>}
      </div>
      <Button size="compact-sm" variant="default" onClick={understood}>{t("ui.close")}</Button>
    </div>
  );
}

/** Name nodes, each once, and behind it which of its fields: "Draw (denoising_end, denoise_mask)". */
function names(leftOut: LeftOut[]): string {
  const fields = new Map<string, Set<string>>();
  for (const { title, type, field } of leftOut) {
    const name = title || type || "?";
    const known = fields.get(name) ?? new Set();
    fields.set(name, field === "" ? known : known.add(field));
  }
  const each = [...fields].map(([name, known]) => (known.size > 0 ? `${name} (${[...known].join(", ")})` : name));
  return each.length > NAMES ? `${each.slice(0, NAMES).join(", ")} …` : each.join(", ");
}
