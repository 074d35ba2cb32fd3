import { Button, Modal, NativeSelect } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Checkpoint, Training } from "../api/wire.gen";
import { useFeature, useSelect } from "../state/store";
import { NumberField } from "../ui/NumberField";
import { runActions } from "./runActions";
import { staged } from "./states";

const NONE: Checkpoint[] = [];

/** Let a run that has ended go on: from which state, and to which step. */
export function GoOn({ run, from, onClose }: { run: Training; from?: number; onClose: () => void }): ReactNode {
  const { t } = useTranslation();
  const { steer } = useFeature(runActions);
  const kept = useSelect((state) => state.training.opened[run.id]?.kept ?? NONE);
  const stages = staged(kept).filter(({ checkpoint }) => checkpoint !== null);
  const [chosen, setChosen] = useState(from === undefined ? "" : String(from));
  const begin = chosen === "" ? (stages[0]?.step ?? 0) : Number(chosen);
  const least = run.steps > begin ? run.steps : begin + Math.max(1, Math.ceil(run.steps / 2));
  const [steps, setSteps] = useState<number | null>(null);
  const until = steps ?? least;
  return (
    <Modal opened onClose={onClose} title={t("ui.training.go_on")} closeButtonProps={{ "aria-label": t("ui.close") }} centered>
      <div className="stack">
        <NativeSelect label={t("ui.training.from")} value={chosen} onChange={(event) => setChosen(event.currentTarget.value)}>
          <option value="">{t(stages.length > 0 ? "ui.training.last" : "ui.training.start")}</option>
          {stages.map(({ step, best }) => (
            <option key={step} value={step}>
              {[t("ui.training.step_number", { step }), best ? t("ui.training.best") : ""].filter(Boolean).join(" · ")}
            </option>
          ))}
        </NativeSelect>
        <NumberField label={t("ui.training.until")} value={until} min={1} max={1_000_000} onChange={setSteps} />
        <Button
          disabled={until <= begin}
          onClick={() => {
            onClose();
            steer(run.id, "resume", {
              ...(chosen === "" ? {} : { from: begin }),
              ...(until === run.steps ? {} : { max_steps: until }),
            });
          }}
        >
          {t("ui.training.go_on_steps", { count: Math.max(0, until - begin) })}
        </Button>
      </div>
    </Modal>
  );
}
