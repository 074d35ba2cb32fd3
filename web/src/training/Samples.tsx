import { Button, Modal, TextInput } from "@mantine/core";
import { useCallback, useEffect, useMemo, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Sample, Training } from "../api/wire.gen";
import { useFormat } from "../i18n/format";
import { useFeature, useSelect } from "../state/store";
import { SAMPLES } from "./held";
import { runActions } from "./runActions";
import { Steps } from "./Steps";
import { arranged, beside, MOVES, type Place, type Timeline } from "./timeline";

const NONE: Sample[] = [];
const NEAR = 3; // columns from the oldest that are held

/** What the run drew of what it knew, by step; the same prompt and seed stand in one row. */
export function Samples({ run }: { run: Training }): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const { steer, olderSamples } = useFeature(runActions);
  const samples = useSelect((state) => state.training.opened[run.id]?.samples ?? NONE);
  const timeline = useMemo(() => arranged(samples), [samples]);
  const [large, setLarge] = useState<Place | null>(null);
  const [prompt, setPrompt] = useState("");
  const more = useSelect((state) => (state.training.opened[run.id]?.samplesNext ?? null) !== null);
  const full = samples.length >= SAMPLES;
  const older = useCallback(() => olderSamples(run.id), [olderSamples, run.id]);
  const early = large !== null && more && timeline.steps.indexOf(large.step) < NEAR;
  useEffect(() => { // so that arrows lead on
    if (early) older();
  }, [early, older]);
  return (
    <section className="run-card" aria-label={t("ui.training.samples")}>
      <header className="card-head">
        <h2 className="grow">{t("ui.training.samples")}</h2>
        {run.status === "running" && (
          <form
            className="sample-ask"
            onSubmit={(event) => {
              event.preventDefault();
              steer(run.id, "sample", { prompts: prompt.trim() ? [prompt.trim()] : [] });
              setPrompt("");
            }}
          >
            <TextInput
              size="xs"
              aria-label={t("ui.training.sample_prompt")}
              placeholder={t("ui.training.sample_prompt")}
              maxLength={1000}
              value={prompt}
              dir="auto"
              onChange={(event) => setPrompt(event.currentTarget.value)}
            />
            <Button type="submit" size="xs" variant="default">{t("ui.training.sample_now")}</Button>
          </form>
        )}
      </header>
      {timeline.rows.length === 0 ? (
        <p className="quiet samples-none">{t(run.recipe.sample_every === 0 ? "ui.training.samples_off" : "ui.training.samples_none", { step: run.recipe.sample_every })}</p>
      ) : (
        <Steps timeline={timeline} onLarge={setLarge} onOldest={more ? older : null} />
      )}
      {full && <p className="quiet">{t("ui.training.samples_full", { number: format.number(SAMPLES) })}</p>}
      {large && <Enlarged timeline={timeline} place={large} onMove={setLarge} onClose={() => setLarge(null)} />}
    </section>
  );
}

/** One sample in full; arrows go along the steps and the rows. */
function Enlarged({ timeline, place, onMove, onClose }: {
  timeline: Timeline; place: Place; onMove: (place: Place) => void; onClose: () => void;
}): ReactNode {
  const { t } = useTranslation();
  const row = timeline.rows[place.row];
  const image = row?.at[place.step];
  if (!row || !image) return null;
  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      centered
      title={t("ui.training.step_number", { step: place.step })}
      closeButtonProps={{ "aria-label": t("ui.close") }}
      onKeyDown={(event) => {
        const move = MOVES[event.key];
        const next = move && beside(timeline, place.row, place.step, move);
        if (next) onMove(next);
      }}
    >
      <figure className="enlarged">
        <img src={`/api/v1/images/${image}/file`} alt={row.prompt} />
        <figcaption>
          <span dir="auto">{row.prompt}</span>
          <small className="quiet">{t("ui.seed")} {row.seed} · {t("ui.training.arrows")}</small>
        </figcaption>
      </figure>
    </Modal>
  );
}
