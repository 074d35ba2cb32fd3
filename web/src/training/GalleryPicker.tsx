import { Button, Modal, Switch } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Picker } from "../gallery/Picker";
import { useFeature } from "../state/store";
import { setActions } from "./setActions";

const MOST = 200; // pictures of one request

/** Choose pictures of the gallery for a dataset. */
export function GalleryPicker({ dataset, onClose }: { dataset: string; onClose: () => void }): ReactNode {
  const { t } = useTranslation();
  const { take } = useFeature(setActions);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [prompts, setPrompts] = useState(false);

  function toggle(id: string): void {
    const next = new Set(chosen);
    if (!next.delete(id) && next.size < MOST) next.add(id);
    setChosen(next);
  }

  return (
    <Modal opened onClose={onClose} size="xl" title={t("ui.dataset.from_gallery")} closeButtonProps={{ "aria-label": t("ui.close") }} centered>
      <div className="stack">
        <Picker chosen={chosen} onPick={toggle} />
        {chosen.size === MOST && <p className="quiet" role="status">{t("ui.dataset.take_most", { most: MOST })}</p>}
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
