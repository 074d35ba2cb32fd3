import { Button, Modal, TextInput } from "@mantine/core";
import { useEffect, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Board } from "../api/wire.gen";
import { useFeature, useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { galleryActions } from "./actions";
import { boardActions } from "./boardActions";

const SHOWN = 50; // boards below the field

/** Choose a board for pictures by typing: one that is there, or one that is made for them. */
export function MoveTo({ ids, onClose }: { ids: string[]; onClose: () => void }): ReactNode {
  const { t } = useTranslation();
  const { move } = useFeature(galleryActions);
  const { create, load } = useFeature(boardActions);
  const boards = useSelect((state) => state.boards.items);
  const idle = useSelect((state) => state.boards.state === "idle");
  const [typed, setTyped] = useState("");
  useEffect(() => {
    if (idle) load();
  }, [idle, load]);
  const name = typed.trim();
  const found = boards.filter((board) => board.name.toLowerCase().includes(name.toLowerCase()));
  const exact = boards.find((board) => board.name.toLowerCase() === name.toLowerCase());

  function put(board: Board | null): void {
    move(ids, board);
    onClose();
  }

  function make(): void {
    create(name, (board) => move(ids, board));
    onClose();
  }

  return (
    <Modal opened onClose={onClose} title={t("ui.board.move", { count: ids.length })} closeButtonProps={{ "aria-label": t("ui.close") }} centered size="sm">
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          const board = exact ?? (found.length === 1 ? found[0] : undefined);
          if (board) put(board);
          else if (name) make();
        }}
      >
        <TextInput label={t("ui.board.name")} value={typed} maxLength={200} dir="auto" data-autofocus autoComplete="off" onChange={(event) => setTyped(event.currentTarget.value)} />
        <div className="move-list">
          {found.slice(0, SHOWN).map((board) => (
            <Button key={board.id} variant="default" justify="start" leftSection={<Icon name="board" />} onClick={() => put(board)}><bdi>{board.name}</bdi></Button>
          ))}
          {name !== "" && !exact && (
            <Button variant="default" justify="start" leftSection={<Icon name="plus" />} onClick={make}>{t("ui.board.make", { name })}</Button>
          )}
          <Button variant="subtle" color="gray" justify="start" leftSection={<Icon name="inbox" />} onClick={() => put(null)}>{t("ui.board.take_off")}</Button>
        </div>
      </form>
    </Modal>
  );
}
