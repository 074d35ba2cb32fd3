import { ActionIcon, Button, Modal, TextInput } from "@mantine/core";
import { useEffect, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Board } from "../api/wire.gen";
import { useFormat } from "../i18n/format";
import { useFeature, useSelect } from "../state/store";
import { Icon, type IconName } from "../ui/icons";
import { galleryActions } from "./actions";
import { boardActions } from "./boardActions";
import { carries, dragged, filterBy } from "./view";

const REST = 600; // milliseconds between pictures that move and the counts that follow

/** The boards beside the pictures: choose one, drop pictures on it, make, rename and delete. */
export function BoardsPanel({ onChosen }: { onChosen: () => void }): ReactNode {
  const { t } = useTranslation();
  const { load } = useFeature(boardActions);
  const { move, trash } = useFeature(galleryActions);
  const boards = useSelect((state) => state.boards.items);
  const state = useSelect((all) => all.boards.state);
  const filter = useSelect((all) => all.gallery.filter);
  const [naming, setNaming] = useState<Board | "new" | null>(null);
  const [leaving, setLeaving] = useState<Board | null>(null);
  useEffect(() => {
    if (state !== "idle" && state !== "stale") return;
    const timer = window.setTimeout(load, state === "idle" ? 0 : REST);
    return () => window.clearTimeout(timer);
  }, [state, load]);

  function choose(board: string, gone = false): void {
    filterBy({ ...filter, board, trash: gone }, false);
    onChosen();
  }

  return (
    <aside className="boards" aria-label={t("ui.boards")}>
      <Place icon="gallery" name={t("ui.board.all")} chosen={filter.board === "" && !filter.trash} onChoose={() => choose("")} />
      <Place icon="inbox" name={t("ui.board.none")} chosen={filter.board === "none"} onChoose={() => choose("none")} onDrop={(ids) => move(ids, null)} />
      <Place icon="trash" name={t("ui.gallery.trash")} chosen={filter.trash} onChoose={() => choose("", true)} onDrop={trash} />
      <div className="boards-head">
        <h2 className="label">{t("ui.boards")}</h2>
        <ActionIcon variant="subtle" color="gray" aria-label={t("ui.board.new")} title={t("ui.board.new")} onClick={() => setNaming("new")}>
          <Icon name="plus" />
        </ActionIcon>
      </div>
      {boards.length === 0 && state === "ready" && <p className="quiet boards-empty">{t("ui.board.empty")}</p>}
      {boards.map((board) => (
        <Place
          key={board.id}
          cover={board.cover}
          icon="board"
          name={board.name}
          count={board.count}
          chosen={filter.board === board.id}
          onChoose={() => choose(board.id)}
          onDrop={(ids) => move(ids, board)}
        >
          <ActionIcon variant="subtle" color="gray" size="sm" aria-label={t("ui.board.rename", { name: board.name })} title={t("ui.board.rename_short")} onClick={() => setNaming(board)}>
            <Icon name="edit" />
          </ActionIcon>
          <ActionIcon variant="subtle" color="gray" size="sm" aria-label={t("ui.board.delete", { name: board.name })} title={t("ui.delete")} onClick={() => setLeaving(board)}>
            <Icon name="trash" />
          </ActionIcon>
        </Place>
      ))}
      {naming !== null && <Naming board={naming === "new" ? null : naming} onClose={() => setNaming(null)} />}
      {leaving !== null && <Leaving board={leaving} onClose={() => setLeaving(null)} />}
    </aside>
  );
}

type PlaceProps = {
  icon: IconName;
  cover?: string | null;
  name: string;
  count?: number;
  chosen: boolean;
  onChoose: () => void;
  onDrop?: (ids: string[]) => void;
  children?: ReactNode;
};

function Place({ icon, cover = null, name, count, chosen, onChoose, onDrop, children }: PlaceProps): ReactNode {
  const format = useFormat();
  const [over, setOver] = useState(false);
  return (
    <div
      className="board"
      data-over={over || undefined}
      onDragOver={(event) => {
        if (!onDrop || !carries(event.dataTransfer, "pictures")) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        setOver(false);
        const ids = dragged(event.dataTransfer);
        if (!ids || !onDrop) return;
        event.preventDefault();
        event.stopPropagation();
        onDrop(ids);
      }}
    >
      <button type="button" className="board-choose" aria-pressed={chosen} onClick={onChoose}>
        <span className="board-cover">
          {cover ? <img src={`/api/v1/images/${cover}/thumbnail`} alt="" loading="lazy" draggable={false} /> : <Icon name={icon} />}
        </span>
        <bdi className="board-name">{name}</bdi>
        {count !== undefined && <span className="board-count">{format.number(count)}</span>}
      </button>
      {children && <span className="board-tools">{children}</span>}
    </div>
  );
}

function Naming({ board, onClose }: { board: Board | null; onClose: () => void }): ReactNode {
  const { t } = useTranslation();
  const { create, rename } = useFeature(boardActions);
  const [name, setName] = useState(board?.name ?? "");
  const title = board ? t("ui.board.rename_short") : t("ui.board.new");
  return (
    <Modal opened onClose={onClose} title={title} closeButtonProps={{ "aria-label": t("ui.close") }} centered size="sm">
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim() === "") return;
          if (board) rename(board, name.trim());
          else create(name.trim(), () => undefined);
          onClose();
        }}
      >
        <TextInput label={t("ui.board.name")} value={name} maxLength={200} dir="auto" data-autofocus onChange={(event) => setName(event.currentTarget.value)} />
        <Button type="submit" disabled={name.trim() === ""}>{board ? t("ui.board.rename_short") : t("ui.board.create")}</Button>
      </form>
    </Modal>
  );
}

function Leaving({ board, onClose }: { board: Board; onClose: () => void }): ReactNode {
  const { t } = useTranslation();
  const { remove } = useFeature(boardActions);
  const filter = useSelect((state) => state.gallery.filter);
  function leave(images: "keep" | "trash"): void {
    remove(board, images, () => {
      if (filter.board === board.id) filterBy({ ...filter, board: "" }, true);
    });
    onClose();
  }
  return (
    <Modal opened onClose={onClose} title={t("ui.board.delete", { name: board.name })} closeButtonProps={{ "aria-label": t("ui.close") }} centered>
      <div className="stack">
        <p>{t("ui.board.delete_ask", { count: board.count })}</p>
        <Button data-autofocus onClick={() => leave("keep")}>{t("ui.board.delete_keep")}</Button>
        {board.count > 0 && <Button variant="default" onClick={() => leave("trash")}>{t("ui.board.delete_trash")}</Button>}
      </div>
    </Modal>
  );
}
