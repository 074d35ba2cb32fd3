import { Button, Modal, NativeSelect, TextInput } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Checkpoint, Training } from "../api/wire.gen";
import { useFeature, useSelect } from "../state/store";
import { problemsOf } from "../state/tools";
import { runActions } from "./runActions";
import { staged } from "./states";

const NONE: Checkpoint[] = [];

/** Make a model of what was learned by a step. */
export function Publish({ run, step, onClose }: { run: Training; step: number | null; onClose: () => void }): ReactNode {
  const { t } = useTranslation();
  const { publish, run: attempt, toast } = useFeature(runActions);
  const kept = useSelect((state) => state.training.opened[run.id]?.kept ?? NONE);
  const stages = staged(kept).filter(({ snapshot }) => snapshot !== null);
  const best = stages.find((stage) => stage.best) ?? stages[0];
  const [from, setFrom] = useState(step ?? best?.step ?? 0);
  const [name, setName] = useState("");
  const [busy, setBusy] = useState(false);
  const [problems, setProblems] = useState<Record<string, string>>({});

  function send(): void {
    setBusy(true);
    setProblems({});
    attempt(async () => {
      try {
        await publish(run.id, from, name.trim() || null);
        toast(t("ui.training.published"));
        onClose();
      } catch (error) {
        const told = problemsOf(error);
        if (!told) throw error;
        setProblems(told);
      } finally {
        setBusy(false);
      }
    });
  }

  return (
    <Modal opened onClose={onClose} title={t("ui.training.publish")} closeButtonProps={{ "aria-label": t("ui.close") }} centered>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          send();
        }}
      >
        <NativeSelect
          label={t("ui.training.from")}
          value={String(from)}
          error={problems["/from"] ?? null}
          onChange={(event) => setFrom(Number(event.currentTarget.value))}
        >
          {stages.map((stage) => (
            <option key={stage.step} value={stage.step}>
              {[t("ui.training.step_number", { step: stage.step }), stage.best ? t("ui.training.best") : ""].filter(Boolean).join(" · ")}
            </option>
          ))}
        </NativeSelect>
        <TextInput
          data-autofocus
          label={t("ui.training.model_name")}
          placeholder={`${run.name} ${from}`}
          value={name}
          maxLength={100}
          error={problems["/name"] ?? null}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Button type="submit" loading={busy}>{t("ui.training.publish")}</Button>
      </form>
    </Modal>
  );
}
