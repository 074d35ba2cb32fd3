import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { LossPoint, Training } from "../api/wire.gen";
import { useFormat } from "../i18n/format";
import { useSelect } from "../state/store";
import { isActive, secondsLeft, staged } from "./states";
import { SetLink } from "./SetLink";
import { problemWords, warningWords } from "./told";

const NONE: LossPoint[] = [];
const PHASES: readonly string[] = ["load", "class", "latents", "text", "waiting", "validate", "sample", "save"];

/** How far the run is, and whatever is worth knowing about that. */
export function RunState({ run }: { run: Training }): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const points = useSelect((state) => state.training.opened[run.id]?.points ?? NONE);
  const progress = useSelect((state) => state.training.progress[run.job]);
  const base = useSelect((state) => state.models?.find(({ id }) => id === run.base_model)?.name);
  const other = useSelect(({ training: { runs } }) =>
    run.status === "queued" ? runs.find(({ id, status }) => id !== run.id && status === "running")?.name : undefined);
  const last = points.at(-1);
  const preparing = isActive(run) && progress !== undefined && progress.phase !== "train" && run.status !== "paused";
  const part = run.steps > 0 ? run.step / run.steps : 0;
  const left = run.status === "running" ? (progress?.eta ?? secondsLeft(run, points) ?? run.eta_seconds) : null;
  const phase = PHASES.includes(progress?.phase ?? "") ? progress?.phase : "prepare";
  return (
    <section className="run-card run-state" aria-label={t("ui.training.state")}>
      <div className="run-line">
        <span className="run-dot" data-status={run.status} aria-hidden="true" />
        <strong>{t(`ui.training.status.${run.status}`)}</strong>
        <span className="grow">
          {preparing
            ? [t(`ui.training.phase.${phase}`), progress.steps > 0 ? `${format.number(progress.step)} / ${format.number(progress.steps)}` : ""].filter(Boolean).join(" · ")
            : t("ui.step_of", { step: format.number(run.step), steps: format.number(run.steps) })}
        </span>
        <span className="quiet">{left !== null && !preparing ? t("ui.training.left", { time: format.duration(left) }) : ""}</span>
      </div>
      <div
        className="run-progress"
        role="progressbar"
        aria-label={t("ui.progress")}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(part * 100)}
      >
        <div data-status={run.status} style={{ inlineSize: `${part * 100}%` }} />
      </div>
      <dl className="run-facts">
        <Fact words={t("ui.training.part.loss")} value={run.loss === null ? "–" : format.figure(run.loss)} />
        <Fact words={t("ui.training.part.lr")} value={last ? format.figure(last.lr) : "–"} />
        <Fact words={t("ui.training.part.seconds")} value={last ? format.figure(last.seconds) : "–"} />
        <Fact words={t("ui.memory")} value={last && last.memory_bytes > 0 ? format.bytes(last.memory_bytes) : "–"} />
        <Fact words={t("ui.training.base")} value={base ?? run.base_model} />
        <Fact words={t("ui.training.method")} value={t(`value.method.${run.method}`)} />
        <Fact words={t("ui.training.subject")} value={`${run.token} ${run.class_word}`} />
        <div>
          <dt>{t("ui.dataset.one")}</dt>
          <dd><SetLink id={run.dataset} /></dd>
        </div>
      </dl>
      {other && <p className="run-note">{t("ui.training.waits_for", { name: other })}</p>}
      <Ended run={run} />
      {run.warnings.length > 0 && (
        <ul className="plan-warnings" aria-label={t("ui.plan.warnings")}>
          {run.warnings.slice(-8).map((warning, place) => (
            <li key={place}>{warningWords(t, warning)}</li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** What a run that is over left behind, and what may be done now. */
function Ended({ run }: { run: Training }): ReactNode {
  const { t } = useTranslation();
  const kept = useSelect((state) => state.training.opened[run.id]?.kept);
  const model = useSelect((state) => state.models?.find(({ id }) => id === run.model)?.name);
  const last = staged(kept ?? []).find(({ checkpoint }) => checkpoint !== null);
  if (run.status === "paused") return <p className="run-note">{t("ui.training.paused_note")}</p>;
  if (run.status === "succeeded") {
    return model === undefined ? null : <p className="run-note">{t("ui.training.made", { name: model })}</p>;
  }
  if (isActive(run)) return null;
  return (
    <div className="run-note" data-tone={run.status === "failed" ? "error" : undefined}>
      {run.error && <p>{problemWords(t, run.error)}</p>}
      <p>{last ? t("ui.training.kept_note", { step: last.step }) : t("ui.training.none_kept")}</p>
    </div>
  );
}

function Fact({ words, value }: { words: string; value: string }): ReactNode {
  return (
    <div>
      <dt>{words}</dt>
      <dd><bdi>{value}</bdi></dd>
    </div>
  );
}
