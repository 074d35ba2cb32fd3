import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { hashOf } from "../app/route";
import { useFormat } from "../i18n/format";
import type { Tile } from "../state/model";
import { useSelect } from "../state/store";
import { tileOf } from "../state/tiles";
import { useProblemWords } from "./problemWords";

/** The pictures of the last runs, newest first; what still runs is in its place. */
export function Results(): ReactNode {
  const { t } = useTranslation();
  const jobs = useSelect((state) => state.workflow.results);
  return (
    <section className="wf-results" aria-label={t("ui.results")}>
      <h2 className="label">{t("ui.results")}</h2>
      {jobs.length === 0 ? (
        <p className="quiet">{t("ui.workflow.no_results")}</p>
      ) : (
        <ul>
          {jobs.map((job) => <Result key={job} job={job} />)}
        </ul>
      )}
    </section>
  );
}

function Result({ job }: { job: string }): ReactNode {
  const { t } = useTranslation();
  const words = useProblemWords();
  const tile = useSelect((state) => tileOf(state, job));
  if (!tile || (tile.status === "succeeded" && tile.images.length === 0)) return null;
  return (
    <li className="wf-result" data-status={tile.status}>
      {tile.preview !== null && tile.images.length === 0 && <img src={tile.preview} alt="" />}
      {tile.images.map((id) => <Picture key={id} id={id} />)}
      {(tile.status === "queued" || tile.status === "running") && <State tile={tile} />}
      {tile.status === "canceled" && <p className="quiet">{t("ui.status.canceled")}</p>}
      {(tile.status === "failed" || tile.status === "quarantined") && (
        <p className="wf-fault">{tile.error ? words(tile.error) : t(`ui.status.${tile.status}`)}</p>
      )}
    </li>
  );
}

function Picture({ id }: { id: string }): ReactNode {
  const { t } = useTranslation();
  const [ready, setReady] = useState(false);
  return (
    <a href={hashOf("gallery", id)} data-ready={ready}>
      <img src={`/api/v1/images/${id}/file`} alt={t("ui.picture")} loading="lazy" decoding="async" onLoad={() => setReady(true)} />
    </a>
  );
}

function State({ tile }: { tile: Tile }): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const drawing = tile.phase === "step" && tile.steps > 0;
  const said = tile.status === "queued"
    ? t("ui.waiting")
    : drawing
      ? t("ui.step_of", { step: format.number(tile.step), steps: format.number(tile.steps) })
      : t(`ui.phase.${tile.phase || "start"}`, t("ui.phase.node"));
  return (
    <p className="wf-state">
      <span>{said}</span>
      <span>{tile.eta === null ? "" : format.seconds(tile.eta)}</span>
    </p>
  );
}
