import { ActionIcon, Button, Modal } from "@mantine/core";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { WorkflowHead } from "../api/wire.gen";
import { useFormat } from "../i18n/format";
import { useFeature, useSelect } from "../state/store";
import { Icon, type IconName } from "../ui/icons";
import { workflowActions } from "./actions";
import { libraryActions } from "./library";
import { headsIn, tagsOf, typedTags } from "./shelf";

const ROW = 72; // pixels

/** Saved workflows: find one, open it, name it anew, copy it, delete it. */
export function Library({ onClose }: { onClose: () => void }): ReactNode {
  const { t } = useTranslation();
  const { load } = useFeature(libraryActions);
  const { want } = useFeature(workflowActions);
  const heads = useSelect((state) => state.workflow.library);
  const loaded = useSelect((state) => state.workflow.libraryState);
  const [query, setQuery] = useState("");
  const [tag, setTag] = useState<string | null>(null);
  const [scroll, setScroll] = useState<HTMLElement | null>(null);
  const found = headsIn(heads, query, tag);
  const rows = useVirtualizer({
    count: found.length, getScrollElement: () => scroll, estimateSize: () => ROW, overscan: 6,
    getItemKey: (index) => found[index]?.id ?? index,
  });
  useEffect(() => {
    if (loaded === "idle" || loaded === "stale") load();
  }, [loaded, load]);
  return (
    <Modal opened onClose={onClose} size="lg" centered title={t("ui.workflow.library")} closeButtonProps={{ "aria-label": t("ui.close") }}>
      <div className="wf-library">
        <label className="wf-search">
          <Icon name="search" />
          <input
            data-autofocus
            type="search"
            aria-label={t("ui.search")}
            placeholder={t("ui.workflow.search_library")}
            dir="auto"
            value={query}
            onChange={(event) => setQuery(event.currentTarget.value)}
          />
        </label>
        <div className="wf-tags" role="group" aria-label={t("ui.workflow.tags")}>
          {tagsOf(heads).slice(0, 24).map((name) => (
            <button key={name} type="button" aria-pressed={tag === name} onClick={() => setTag(tag === name ? null : name)}>
              <bdi>{name}</bdi>
            </button>
          ))}
        </div>
        <div className="wf-shelf" ref={setScroll} aria-busy={loaded === "loading"}>
          {loaded === "ready" && found.length === 0 && (
            <p className="quiet">{t(heads.length === 0 ? "ui.workflow.library_empty" : "ui.workflow.library_none")}</p>
          )}
          {loaded === "failed" && (
            <Button variant="default" leftSection={<Icon name="again" />} onClick={load}>{t("ui.retry")}</Button>
          )}
          <ul style={{ blockSize: rows.getTotalSize() }}>
            {rows.getVirtualItems().map((item) => {
              const head = found[item.index];
              return head && (
                <li key={item.key} style={{ transform: `translateY(${item.start}px)` }}>
                  <Row head={head} onOpen={() => {
                    onClose();
                    want({ kind: "saved", id: head.id });
                  }} />
                </li>
              );
            })}
          </ul>
        </div>
      </div>
    </Modal>
  );
}

function Row({ head, onOpen }: { head: WorkflowHead; onOpen: () => void }): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const { rename, retag, duplicate, remove } = useFeature(libraryActions);
  const [editing, setEditing] = useState<"name" | "tags" | null>(null);
  if (editing !== null) {
    const name = editing === "name";
    return (
      <form className="wf-row" onSubmit={(event) => {
        event.preventDefault();
        const typed = new FormData(event.currentTarget).get("text");
        const text = typeof typed === "string" ? typed : "";
        if (!name) retag(head.id, typedTags(text));
        else if (text.trim() !== "" && text !== head.name) rename(head.id, text);
        setEditing(null);
      }}>
        <input
          name="text"
          className="wf-input grow"
          autoFocus
          maxLength={name ? 200 : 1000}
          dir="auto"
          aria-label={t(name ? "ui.workflow.name" : "ui.workflow.tags_typed")}
          placeholder={t(name ? "ui.workflow.name" : "ui.workflow.tags_typed")}
          defaultValue={name ? head.name : head.tags.join(", ")}
          onKeyDown={(event) => {
            if (event.key !== "Escape") return;
            event.stopPropagation();
            setEditing(null);
          }}
        />
        <Button type="submit" size="sm">{t("ui.workflow.save")}</Button>
      </form>
    );
  }
  return (
    <div className="wf-row">
      <button type="button" className="wf-open grow" onClick={onOpen}>
        <bdi>{head.name}</bdi>
        <span className="quiet">
          {[format.when(head.changed), ...head.tags].join(" · ")}
        </span>
      </button>
      <Act icon="canvas" label={t("ui.workflow.rename", { name: head.name })} act={() => setEditing("name")} />
      <Act icon="pin" label={t("ui.workflow.tag", { name: head.name })} act={() => setEditing("tags")} />
      <Act icon="copy" label={t("ui.workflow.duplicate_of", { name: head.name })} act={() => duplicate(head.id)} />
      <Act icon="trash" label={t("ui.workflow.delete_of", { name: head.name })} act={() => remove(head)} />
    </div>
  );
}

function Act({ icon, label, act }: { icon: IconName; label: string; act: () => void }): ReactNode {
  return (
    <ActionIcon variant="subtle" color="gray" size="lg" aria-label={label} title={label} onClick={act}>
      <Icon name={icon} />
    </ActionIcon>
  );
}
