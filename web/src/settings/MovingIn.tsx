import { Button, Checkbox, NativeSelect, TextInput } from "@mantine/core";
import { useEffect, useState, type ReactNode, type SyntheticEvent } from "react";
import { useTranslation } from "react-i18next";
import type { Import, ImportImages } from "../api/wire.gen";
import { useFormat } from "../i18n/format";
import { useFeature, useSelect } from "../state/store";
import { Meter } from "../ui/Meter";
import { importActions } from "./importActions";
import { open } from "./imports";

type Ask = { folder: string; reference: boolean; board: string; byFolder: boolean; invokeai: string };

const FIRST: Ask = { folder: "", reference: false, board: "", byFolder: false, invokeai: "" };
const SHOWN = 5; // imports that are listed
const NAMED = 20; // files that were not taken

/** Take a folder of other programs' pictures in, and see how far it is. */
export function MovingIn(): ReactNode {
  const { t } = useTranslation();
  const { load, start } = useFeature(importActions);
  const imports = useSelect((state) => state.imports);
  const [ask, setAsk] = useState(FIRST);
  const [problems, setProblems] = useState<Record<string, string>>({});
  const behind = imports.state === "idle" || imports.state === "stale";
  useEffect(() => {
    if (behind) load();
  }, [behind, load]);

  function send(event: SyntheticEvent): void {
    event.preventDefault();
    setProblems({});
    void start(wanted(ask)).then(setProblems);
  }

  return (
    <section className="card stack">
      <h2>{t("ui.moving.title")}</h2>
      <p className="quiet">{t("ui.moving.help")}</p>
      <form className="stack" onSubmit={send}>
        <TextInput required label={t("ui.moving.folder")} dir="ltr" maxLength={4096} value={ask.folder} error={problems["/folder"]}
          onChange={(event) => setAsk({ ...ask, folder: event.currentTarget.value })} />
        <NativeSelect label={t("ui.moving.files")} value={ask.reference ? "reference" : "copy"}
          data={[{ value: "copy", label: t("ui.moving.copy") }, { value: "reference", label: t("ui.moving.reference") }]}
          onChange={(event) => setAsk({ ...ask, reference: event.currentTarget.value === "reference" })} />
        <TextInput label={t("ui.moving.board")} dir="auto" maxLength={200} value={ask.board} error={problems["/board"]}
          onChange={(event) => setAsk({ ...ask, board: event.currentTarget.value })} />
        <Checkbox label={t("ui.moving.by_folder")} checked={ask.byFolder}
          onChange={(event) => setAsk({ ...ask, byFolder: event.currentTarget.checked })} />
        <TextInput label={t("ui.moving.invokeai")} dir="ltr" maxLength={4096} value={ask.invokeai} error={problems["/invokeai_database"]}
          onChange={(event) => setAsk({ ...ask, invokeai: event.currentTarget.value })} />
        {problems[""] && <p className="problem" role="alert">{problems[""]}</p>}
        <div><Button type="submit" disabled={ask.folder.trim() === ""}>{t("ui.moving.start")}</Button></div>
      </form>
      {imports.items.length > 0 && (
        <ul className="stack">
          {imports.items.slice(0, SHOWN).map((each) => <Row key={each.id} told={each} />)}
        </ul>
      )}
    </section>
  );
}

function wanted({ folder, reference, board, byFolder, invokeai }: Ask): ImportImages {
  return {
    folder: folder.trim(), mode: reference ? "reference" : "copy", by_folder: byFolder,
    board: board.trim() || null, invokeai_database: invokeai.trim() || null,
  };
}

function Row({ told }: { told: Import }): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const { cancel } = useFeature(importActions);
  const done = told.added + told.known + told.refused;
  const runs = open(told);
  return (
    <li className="stack moving">
      <div className="row-wide">
        <span className="grow"><bdi dir="ltr">{told.folder}</bdi></span>
        <span aria-live="polite">{t(`ui.moving.status.${told.status}`)}</span>
        {runs && <Button size="xs" variant="default" onClick={() => cancel(told.id)}>{t("ui.cancel")}</Button>}
      </div>
      {runs && <Meter label={t(`ui.moving.status.${told.status}`)} share={told.found > 0 ? done / told.found : 0} />}
      <p className="quiet">
        {t("ui.moving.found", { count: told.found })}
        {" · "}
        {t("ui.moving.counts", { added: format.number(told.added), known: format.number(told.known), refused: format.number(told.refused) })}
      </p>
      {told.error && <p className="problem">{told.error.message || t(`errors.${told.error.code}`, told.error.params ?? {})}</p>}
      {told.refused > 0 && (
        <details>
          <summary>{Object.entries(told.reasons).map(([code, files]) => `${t(`imports.${code}`)}: ${format.number(files)}`).join(" · ")}</summary>
          <ul className="quiet">
            {told.refusals.slice(0, NAMED).map(({ file, code }) => (
              <li key={file}><bdi dir="ltr">{file}</bdi> · {t(`imports.${code}`)}</li>
            ))}
          </ul>
        </details>
      )}
    </li>
  );
}
