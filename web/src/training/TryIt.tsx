import { Button, NativeSelect, Textarea } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Checkpoint, Training } from "../api/wire.gen";
import { useFeature, useSelect } from "../state/store";
import { BELOW } from "./FieldView";
import { runActions, type Tried } from "./runActions";
import { staged } from "./states";

const NONE: Checkpoint[] = [];
const NOTHING: Tried = { base: null, taught: null };

type Props = { run: Training; step: number | null; onStep: (step: number) => void };

/** One prompt, one seed, two pictures: the base, and what was taught by a step. */
export function TryIt({ run, step, onStep }: Props): ReactNode {
  const { t } = useTranslation();
  const { trial, run: attempt } = useFeature(runActions);
  const kept = useSelect((state) => state.training.opened[run.id]?.kept ?? NONE);
  const stages = staged(kept).filter(({ snapshot }) => snapshot !== null);
  const [prompt, setPrompt] = useState("a photo of {subject}");
  const [tried, setTried] = useState(NOTHING);
  const [busy, setBusy] = useState(false);
  const chosen = stages.find((stage) => stage.step === step) ?? stages.find(({ best }) => best) ?? stages[0];
  if (!chosen) return null;
  const at = chosen.step;

  function draw(): void {
    setBusy(true);
    setTried(NOTHING);
    attempt(() =>
      trial(run, at, prompt, (side, image) => setTried((before) => ({ ...before, [side]: image }))).finally(() => setBusy(false)),
    );
  }

  return (
    <section id="try" className="run-card try" aria-label={t("ui.training.try_title")}>
      <header className="card-head"><h2>{t("ui.training.try_title")}</h2></header>
      <form
        className="try-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy && prompt.trim() !== "") draw();
        }}
      >
        <Textarea
          {...BELOW}
          label={t("ui.prompt")}
          description={t("ui.training.try_help", { subject: `${run.token} ${run.class_word}` })}
          rows={2}
          dir="auto"
          maxLength={1000}
          value={prompt}
          onChange={(event) => setPrompt(event.currentTarget.value)}
        />
        <div className="try-send">
          <NativeSelect label={t("ui.training.from")} value={String(at)} onChange={(event) => onStep(Number(event.currentTarget.value))}>
            {stages.map((stage) => (
              <option key={stage.step} value={stage.step}>
                {[t("ui.training.step_number", { step: stage.step }), stage.best ? t("ui.training.best") : ""].filter(Boolean).join(" · ")}
              </option>
            ))}
          </NativeSelect>
          <Button type="submit" loading={busy} disabled={prompt.trim() === ""}>{t("ui.training.try_draw")}</Button>
        </div>
      </form>
      <div className="try-pair">
        {(["base", "taught"] as const).map((side) => (
          <figure key={side} data-waiting={busy && tried[side] === null}>
            <div className="try-frame">{tried[side] && <img src={tried[side].url} alt={tried[side].prompt ?? ""} />}</div>
            <figcaption className="quiet">{side === "base" ? t("ui.training.base") : t("ui.training.step_number", { step: at })}</figcaption>
          </figure>
        ))}
      </div>
    </section>
  );
}
