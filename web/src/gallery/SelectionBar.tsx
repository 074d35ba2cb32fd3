import { ActionIcon, Button, Modal } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useFeature, useSelect } from "../state/store";
import { Icon, type IconName } from "../ui/icons";
import { galleryActions } from "./actions";
import { pictureActions } from "./pictureActions";
import type { Verb } from "./Grid";
import type { Stretch } from "./stretches";

/** What to do with the selected pictures; it lies over the end of the grid, so nothing moves. */
export function SelectionBar({ onVerb }: { onVerb: (verb: Verb, ids: string[]) => void }): ReactNode {
  const { t } = useTranslation();
  const { select, selectAll, restore, star } = useFeature(galleryActions);
  const { zip } = useFeature(pictureActions);
  const selected = useSelect((state) => state.gallery.selected);
  const gone = useSelect((state) => state.gallery.filter.trash);
  const starred = useSelect(({ gallery: { selected: some, stretches } }) => allStarred(some, stretches));
  const [asking, setAsking] = useState(false);
  if (selected.size === 0) return null;
  const ids = [...selected];
  return (
    <div className="selection" role="toolbar" aria-label={t("ui.gallery.selection")}>
      <strong aria-live="polite">{t("ui.gallery.selected", { count: ids.length })}</strong>
      <Button size="compact-md" variant="subtle" color="gray" onClick={selectAll}>{t("ui.gallery.select_all")}</Button>
      <span className="grow" />
      {gone ? (
        <>
          <Button size="compact-md" variant="default" leftSection={<Icon name="again" />} onClick={() => restore(ids)}>{t("ui.gallery.restore")}</Button>
          <Button size="compact-md" variant="default" leftSection={<Icon name="trash" />} onClick={() => setAsking(true)}>{t("ui.gallery.forever")}</Button>
        </>
      ) : (
        <>
          <Act icon="star" filled={starred} words={t(starred ? "ui.unstar" : "ui.star")} onClick={() => star(ids, !starred)} />
          <Act icon="board" words={t("ui.gallery.to_board")} onClick={() => onVerb("board", ids)} />
          <Act icon="compare" words={t("ui.compare")} disabled={ids.length !== 2} onClick={() => onVerb("compare", ids)} />
          <Act icon="download" words={t("ui.gallery.zip")} disabled={ids.length > 1000} onClick={() => zip(ids)} />
          <Act icon="trash" words={t("ui.delete")} onClick={() => onVerb("trash", ids)} />
        </>
      )}
      <Act icon="close" words={t("ui.gallery.select_none")} onClick={() => select([])} />
      {asking && <Forever ids={ids} onClose={() => setAsking(false)} />}
    </div>
  );
}

/** Say whether every selected picture that is held has a star; those far away are not asked for. */
function allStarred(selected: ReadonlySet<string>, stretches: readonly Stretch[]): boolean {
  const held = stretches.flatMap(({ images }) => images ?? []).filter(({ id }) => selected.has(id));
  return held.length > 0 && held.every(({ starred }) => starred);
}

type ActProps = { icon: IconName; words: string; filled?: boolean; disabled?: boolean; onClick: () => void };

function Act({ icon, words, filled = false, disabled = false, onClick }: ActProps): ReactNode {
  return (
    <ActionIcon variant="default" size="lg" aria-label={words} title={words} disabled={disabled} onClick={onClick}>
      <Icon name={icon} filled={filled} />
    </ActionIcon>
  );
}

function Forever({ ids, onClose }: { ids: string[]; onClose: () => void }): ReactNode {
  const { t } = useTranslation();
  const { remove } = useFeature(galleryActions);
  return (
    <Modal opened onClose={onClose} title={t("ui.gallery.forever")} closeButtonProps={{ "aria-label": t("ui.close") }} centered size="sm">
      <div className="stack">
        <p>{t("ui.gallery.forever_ask", { count: ids.length })}</p>
        <Button color="red" onClick={() => {
          remove(ids);
          onClose();
        }}>
          {t("ui.gallery.forever_do", { count: ids.length })}
        </Button>
        <Button variant="default" data-autofocus onClick={onClose}>{t("ui.gallery.keep")}</Button>
      </div>
    </Modal>
  );
}
