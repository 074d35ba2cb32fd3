import { Button, Modal, TextInput } from "@mantine/core";
import { useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Sample, Training } from "../api/wire.gen";
import { useFeature, useSelect } from "../state/store";
import { runActions } from "./runActions";
import { arranged, beside, type Timeline } from "./timeline";

const NONE: Sample[] = [];
type Place = { row: number; step: number };

/** What the run drew of what it knew, by step; the same prompt and seed stand in one row. */
export function Samples({ run }: { run: Training }): ReactNode {
  const { t } = useTranslation();
  const { steer } = useFeature(runActions);
  const samples = useSelect((state) => state.training.opened[run.id]?.samples ?? NONE);
  const timeline = useMemo(() => arranged(samples), [samples]);
  const [large, setLarge] = useState<Place | null>(null);
  const [prompt, setPrompt] = useState("");
  const scroll = useRef<HTMLDivElement>(null);
  const newest = timeline.steps.at(-1);
  useEffect(() => { // the newest stays in sight for who has not scrolled away
    const box = scroll.current;
    if (box && box.scrollWidth - box.scrollLeft - box.clientWidth < 400) box.scrollLeft = box.scrollWidth;
  }, [newest]);
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
        <div ref={scroll} className="timeline" dir="ltr" tabIndex={0} role="group" aria-label={t("ui.training.samples")}>
          <Table timeline={timeline} onLarge={setLarge} />
        </div>
      )}
      {large && <Enlarged timeline={timeline} place={large} onMove={setLarge} onClose={() => setLarge(null)} />}
    </section>
  );
}

function Table({ timeline, onLarge }: { timeline: Timeline; onLarge: (place: Place) => void }): ReactNode {
  const { t } = useTranslation();
  return (
    <table>
      <thead>
        <tr>
          <th scope="col"><span className="hidden">{t("ui.prompt")}</span></th>
          {timeline.steps.map((step) => (
            <th key={step} scope="col">{step}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        {timeline.rows.map((row, place) => (
          <tr key={row.key} data-role={row.role}>
            <th scope="row">
              <span>{t(`ui.training.role.${row.role}`)}</span>
              <small className="quiet" dir="auto">{row.prompt}</small>
            </th>
            {timeline.steps.map((step) => {
              const image = row.at[step];
              return (
                <td key={step}>
                  {image && (
                    <button
                      type="button"
                      aria-label={t("ui.training.sample_at", { prompt: row.prompt, step })}
                      onClick={() => onLarge({ row: place, step })}
                    >
                      <img src={`/api/v1/images/${image}/thumbnail`} alt="" loading="lazy" />
                    </button>
                  )}
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const MOVES: Record<string, "left" | "right" | "up" | "down"> = {
  ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down",
};

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
