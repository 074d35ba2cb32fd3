import { ActionIcon, Button, Modal, TextInput } from "@mantine/core";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "../i18n/format";
import { Icon } from "../ui/icons";
import type { Listed } from "./shelf";
import { useCanvas, useWork } from "./use";

/** Save the picture under a name, open another, go back to a snapshot. */
export function Projects({ onClose }: { onClose: () => void }): ReactNode {
  const { t } = useTranslation();
  return (
    <Modal opened onClose={onClose} title={t("ui.canvas.projects")} closeButtonProps={{ "aria-label": t("ui.close") }} centered>
      <div className="stack">
        <Save onClose={onClose} />
        <List onClose={onClose} />
        <Snapshots onClose={onClose} />
        <Files onClose={onClose} />
      </div>
    </Modal>
  );
}

function Save({ onClose }: { onClose: () => void }): ReactNode {
  const { t } = useTranslation();
  const { save } = useCanvas();
  const project = useWork((work) => work.project);
  const [name, setName] = useState(project?.name ?? "");
  return (
    <form
      className="canvas-save"
      onSubmit={(event) => {
        event.preventDefault();
        save(name.trim());
        onClose();
      }}
    >
      <TextInput className="grow" label={t("ui.canvas.name")} value={name} maxLength={200} dir="auto" data-autofocus onChange={(event) => setName(event.currentTarget.value)} />
      <Button type="submit" disabled={name.trim() === ""}>{t("ui.canvas.save")}</Button>
    </form>
  );
}

function List({ onClose }: { onClose: () => void }): ReactNode {
  const { t } = useTranslation();
  const { list, open, remove, run } = useCanvas();
  const format = useFormat();
  const [projects, setProjects] = useState<Listed[] | null>(null);
  useEffect(() => {
    let left = false;
    run(async () => {
      const found = await list();
      if (!left) setProjects(found);
    });
    return () => {
      left = true;
    };
  }, [list, run]);
  if (!projects || projects.length === 0) return null;
  return (
    <section aria-label={t("ui.canvas.saved_here")}>
      <h3 className="label">{t("ui.canvas.saved_here")}</h3>
      <ul className="canvas-list">
        {projects.map(({ id, name, changed }) => (
          <li key={id}>
            <button
              type="button"
              className="canvas-name grow"
              dir="auto"
              onClick={() => {
                open(id);
                onClose();
              }}
            >
              {name}
            </button>
            <span className="quiet">{format.when(new Date(changed).toISOString())}</span>
            <Drop name={name} onDrop={() => run(async () => {
              await remove(id);
              setProjects(await list());
            })} />
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Delete at the second press: what is gone here is gone. */
function Drop({ name, onDrop }: { name: string; onDrop: () => void }): ReactNode {
  const { t } = useTranslation();
  const [sure, setSure] = useState(false);
  if (sure) return <Button size="compact-sm" color="red" variant="outline" autoFocus onBlur={() => setSure(false)} onClick={onDrop}>{t("ui.canvas.really")}</Button>;
  return (
    <ActionIcon variant="subtle" color="gray" aria-label={t("ui.canvas.remove", { name })} title={t("ui.canvas.remove", { name })} onClick={() => setSure(true)}>
      <Icon name="trash" />
    </ActionIcon>
  );
}

function Snapshots({ onClose }: { onClose: () => void }): ReactNode {
  const { t } = useTranslation();
  const { easel, snapshot, forget } = useCanvas();
  const snapshots = useWork((work) => work.snapshots);
  const [name, setName] = useState("");
  return (
    <section aria-label={t("ui.canvas.snapshots")}>
      <form
        className="canvas-save"
        onSubmit={(event) => {
          event.preventDefault();
          snapshot(name);
          setName("");
        }}
      >
        <TextInput className="grow" label={t("ui.canvas.snapshots")} placeholder={t("ui.canvas.snapshot_hint")} value={name} maxLength={200} dir="auto" onChange={(event) => setName(event.currentTarget.value)} />
        <Button type="submit" variant="default" disabled={name.trim() === ""}>{t("ui.canvas.keep")}</Button>
      </form>
      <ul className="canvas-list">
        {snapshots.map((held) => (
          <li key={held.id}>
            <button
              type="button"
              className="canvas-name grow"
              dir="auto"
              onClick={() => {
                easel.go(held.scene);
                onClose();
              }}
            >
              {held.name}
            </button>
            <Drop name={held.name} onDrop={() => forget(held.id)} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Files({ onClose }: { onClose: () => void }): ReactNode {
  const { t } = useTranslation();
  const { begin, saveFile, takeFile } = useCanvas();
  const input = useRef<HTMLInputElement>(null);
  const [sure, setSure] = useState(false);
  return (
    <div className="canvas-files">
      <input
        ref={input}
        type="file"
        hidden
        accept="application/json,.json"
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          if (file) takeFile(file);
          onClose();
        }}
      />
      <Button variant="default" onClick={() => input.current?.click()}>{t("ui.canvas.open_file")}</Button>
      <Button variant="default" onClick={saveFile}>{t("ui.canvas.save_file")}</Button>
      <Button
        variant="default"
        onBlur={() => setSure(false)}
        onClick={() => {
          setSure(true);
          if (!sure) return;
          begin();
          onClose();
        }}
      >
        {t(sure ? "ui.canvas.really_new" : "ui.canvas.new")}
      </Button>
    </div>
  );
}
