import { Button, Modal, Switch } from "@mantine/core";
import { useCallback, useEffect, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Image, Page } from "../api/wire.gen";
import { useFeature, useTools } from "../state/store";
import { setActions } from "./setActions";

const MOST = 200; // pictures of one request

/** Choose pictures of the gallery for a dataset. */
export function GalleryPicker({ dataset, onClose }: { dataset: string; onClose: () => void }): ReactNode {
  const { t } = useTranslation();
  const { http, fail } = useTools();
  const { take } = useFeature(setActions);
  const [held, setHeld] = useState<{ items: Image[]; next: string | null } | null>(null);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [prompts, setPrompts] = useState(false);

  const load = useCallback((cursor: string | null, signal?: AbortSignal) => {
    http<Page<Image>>("/images", { query: { limit: 60, cursor }, ...(signal ? { signal } : {}) }).then(
      (page) => setHeld((before) => ({ items: [...(cursor ? (before?.items ?? []) : []), ...page.items], next: page.next })),
      fail,
    );
  }, [http, fail]);
  useEffect(() => {
    const stop = new AbortController();
    load(null, stop.signal);
    return () => stop.abort();
  }, [load]);

  function toggle(id: string): void {
    const next = new Set(chosen);
    if (!next.delete(id) && next.size < MOST) next.add(id);
    setChosen(next);
  }

  return (
    <Modal opened onClose={onClose} size="xl" title={t("ui.dataset.from_gallery")} closeButtonProps={{ "aria-label": t("ui.close") }} centered>
      <div className="stack">
        {held?.items.length === 0 && <p className="quiet">{t("ui.dataset.gallery_empty")}</p>}
        <ul className="picker">
          {held?.items.map((image) => (
            <li key={image.id}>
              <button
                type="button"
                aria-pressed={chosen.has(image.id)}
                onClick={() => toggle(image.id)}
                title={image.prompt ?? ""}
              >
                <img src={image.thumbnail_url} alt={image.prompt ?? t("ui.picture")} loading="lazy" />
              </button>
            </li>
          ))}
        </ul>
        {held?.next && <Button variant="default" onClick={() => load(held.next)}>{t("ui.dataset.more")}</Button>}
        <div className="ask-row">
          <Switch
            className="grow"
            label={t("ui.dataset.prompts")}
            checked={prompts}
            onChange={(event) => setPrompts(event.currentTarget.checked)}
          />
          <Button
            disabled={chosen.size === 0}
            onClick={() => {
              onClose();
              take(dataset, [...chosen], prompts);
            }}
          >
            {t("ui.dataset.take", { count: chosen.size })}
          </Button>
        </div>
      </div>
    </Modal>
  );
}
