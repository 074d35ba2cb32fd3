import { ActionIcon, Textarea } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { DatasetImage } from "../api/wire.gen";
import { useFeature } from "../state/store";
import { Icon } from "../ui/icons";
import { setActions } from "./setActions";
import { warningWords } from "./told";

type Props = { dataset: string; image: DatasetImage; place: number; count: number; onLook: () => void };

/** A picture of the set; its caption is edited in place. */
export function PictureCard({ dataset, image, place, count, onLook }: Props): ReactNode {
  const { t } = useTranslation();
  const { caption, holdOut, removePicture } = useFeature(setActions);
  const [typed, setTyped] = useState<string | null>(null);
  return (
    <div className="picture" role="listitem" aria-posinset={place + 1} aria-setsize={count} data-place={place} data-held-out={image.held_out}>
      <button type="button" className="picture-look" onClick={onLook} title={t("ui.dataset.look")}>
        <img src={image.thumbnail_url} alt={image.caption ?? image.file} loading="lazy" />
      </button>
      {image.held_out && <span className="tag picture-tag">{t("ui.dataset.held_out")}</span>}
      <div className="picture-bar">
        <small className="quiet grow picture-name">
          <bdi title={image.file}>{image.file}</bdi>
          <span>{t("ui.size_of", { width: image.width, height: image.height })}</span>
        </small>
        <ActionIcon
          variant="subtle"
          color="gray"
          size="sm"
          aria-pressed={image.held_out}
          aria-label={t("ui.dataset.hold_out", { name: image.file })}
          title={t("ui.dataset.hold_out_help")}
          onClick={() => holdOut(dataset, image.id, !image.held_out)}
        >
          <Icon name={image.held_out ? "lock" : "unlock"} />
        </ActionIcon>
        <ActionIcon
          variant="subtle"
          color="gray"
          size="sm"
          aria-label={t("ui.dataset.remove", { name: image.file })}
          title={t("ui.dataset.remove", { name: image.file })}
          onClick={() => removePicture(dataset, image)}
        >
          <Icon name="trash" />
        </ActionIcon>
      </div>
      <Textarea
        aria-label={t("ui.dataset.caption_of", { name: image.file })}
        placeholder={t("ui.dataset.caption")}
        rows={2}
        maxLength={2000}
        dir="auto"
        value={typed ?? image.caption ?? ""}
        onChange={(event) => setTyped(event.currentTarget.value)}
        onBlur={() => {
          if (typed !== null && typed.trim() !== (image.caption ?? "")) caption(dataset, image.id, typed.trim());
          setTyped(null);
        }}
        onKeyDown={(event) => {
          if (event.key === "Escape") setTyped(null);
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.blur();
        }}
      />
      {image.notes.map((note) => (
        <p key={note.code} className="picture-note">{warningWords(t, note)}</p>
      ))}
    </div>
  );
}
