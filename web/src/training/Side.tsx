import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Training } from "../api/wire.gen";
import { hashOf } from "../app/route";
import { useFormat } from "../i18n/format";
import { useFeature, useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { runActions } from "./runActions";
import { setActions } from "./setActions";

/** What there is: runs, newest first, and datasets. */
export function Side({ rest: [first, second] }: { rest: string[] }): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const actions = useFeature(runActions);
  const { load: loadSets } = useFeature(setActions);
  const { runs, runsState, runsNext, sets, setsState, setsNext } = useSelect((state) => state.training);
  return (
    <aside className="training-side" aria-label={t("ui.training.list")}>
      <a
        className="training-new"
        href={hashOf("training")}
        aria-current={first === undefined ? "page" : undefined}
      >
        <Icon name="plus" />
        {t("ui.training.new")}
      </a>
      <h2>{t("ui.training.runs")}</h2>
      {runsState === "failed" && <Failed onAgain={() => actions.load()} />}
      {runsState === "ready" && runs.length === 0 && <p className="quiet side-none">{t("ui.training.no_runs")}</p>}
      <ul>
        {runs.map((run) => (
          <li key={run.id}>
            <a className="side-item" href={hashOf("training", run.id)} aria-current={first === run.id ? "page" : undefined}>
              <span className="run-dot" data-status={run.status} aria-hidden="true" />
              <span className="grow">
                <bdi>{run.name}</bdi>
                <small className="quiet">{describe(run, t)}</small>
              </span>
              {run.status === "running" && run.steps > 0 && (
                <span className="side-part">{format.number(Math.floor((run.step / run.steps) * 100))} %</span>
              )}
            </a>
          </li>
        ))}
      </ul>
      {runsNext !== null && (
        <Button variant="subtle" size="compact-sm" color="gray" onClick={() => actions.load(true)}>{t("ui.training.older")}</Button>
      )}
      <h2>{t("ui.dataset.many")}</h2>
      {setsState === "failed" && <Failed onAgain={() => loadSets()} />}
      {setsState === "ready" && sets.length === 0 && <p className="quiet side-none">{t("ui.dataset.none")}</p>}
      <ul>
        {sets.map((set) => (
          <li key={set.id}>
            <a
              className="side-item"
              href={hashOf("training", "datasets", set.id)}
              aria-current={first === "datasets" && second === set.id ? "page" : undefined}
            >
              <Icon name="image" />
              <span className="grow">
                <bdi>{set.name}</bdi>
                <small className="quiet">{t("ui.dataset.pictures", { count: set.count })}</small>
              </span>
            </a>
          </li>
        ))}
      </ul>
      {setsNext !== null && (
        <Button variant="subtle" size="compact-sm" color="gray" onClick={() => loadSets(true)}>{t("ui.training.older")}</Button>
      )}
    </aside>
  );
}

function describe(run: Training, t: (key: string, params: Record<string, unknown>) => string): string {
  const status = t(`ui.training.status.${run.status}`, {});
  return run.steps > 0 ? `${status} · ${t("ui.step_of", { step: run.step, steps: run.steps })}` : status;
}

function Failed({ onAgain }: { onAgain: () => void }): ReactNode {
  const { t } = useTranslation();
  return (
    <p className="side-none">
      {t("ui.training.list_failed")}{" "}
      <Button variant="subtle" size="compact-sm" onClick={onAgain}>{t("ui.retry")}</Button>
    </p>
  );
}
