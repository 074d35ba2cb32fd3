import { ActionIcon, Button } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ended } from "../state/model";
import { useSelect, useTools } from "../state/store";
import { tileOf } from "../state/tiles";
import { Icon } from "../ui/icons";
import { peek } from "./peek";
import type { Staging } from "./slice";
import { useCanvas } from "./use";

/** The results that wait for a word: which of them to look at, to take, or none. */
export function StagingStrip(): ReactNode {
  const staging = useSelect((state) => state.canvas.staging);
  return staging && <Strip staging={staging} />;
}

function Strip({ staging }: { staging: Staging }): ReactNode {
  const { t } = useTranslation();
  const canvas = useCanvas();
  const { show, accept, discard } = canvas;
  const { jobs, shown } = staging;
  const tile = useSelect((state) => tileOf(state, jobs[shown] ?? ""));
  const ready = (tile?.images.length ?? 0) > 0;
  return (
    <section className="canvas-staging" aria-label={t("ui.results")}>
      <Status staging={staging} />
      <div className="canvas-candidates">
        <ActionIcon variant="subtle" color="gray" aria-label={t("ui.canvas.previous")} title={`${t("ui.canvas.previous")} (←)`} disabled={jobs.length < 2} onClick={() => show(-1)}>
          <Icon name="previous" />
        </ActionIcon>
        <ul dir="ltr">
          {jobs.map((job, index) => (
            <Candidate key={job} job={job} index={index} shown={index === shown} />
          ))}
        </ul>
        <ActionIcon variant="subtle" color="gray" aria-label={t("ui.canvas.next")} title={`${t("ui.canvas.next")} (→)`} disabled={jobs.length < 2} onClick={() => show(1)}>
          <Icon name="next" />
        </ActionIcon>
      </div>
      <div className="canvas-verdict">
        <ActionIcon
          variant="default"
          size={36}
          disabled={!ready}
          aria-label={t("ui.canvas.below")}
          title={`${t("ui.canvas.below")} (X)`}
          onPointerDown={() => peek(canvas)}
          onKeyDown={({ key }) => {
            if (key === " " || key === "Enter") peek(canvas);
          }}
        >
          <Icon name="compare" />
        </ActionIcon>
        <Button variant="default" title="Esc" onClick={discard}>{t("ui.canvas.discard")}</Button>
        <Button disabled={!ready} title="Enter" onClick={accept}>{t("ui.canvas.accept")}</Button>
      </div>
    </section>
  );
}

/** One line that is always there: nothing jumps when it changes. */
function Status({ staging: { jobs, shown } }: { staging: Staging }): ReactNode {
  const { t } = useTranslation();
  const tile = useSelect((state) => tileOf(state, jobs[shown] ?? ""));
  const place = t("ui.canvas.of", { number: shown + 1, count: jobs.length });
  const { status = "queued", step = 0, steps = 0, error = null } = tile ?? {};
  let words = place;
  if (error) words = error.message ?? t("ui.status.failed");
  else if (status === "failed" || status === "canceled" || status === "quarantined") words = t(`ui.status.${status}`);
  else if (status === "queued") words = `${place} · ${t("ui.waiting")}`;
  else if (status === "running" && steps > 0) words = `${place} · ${t("ui.step_of", { step, steps })}`;
  return <p role="status" className="canvas-status" dir="auto">{words}</p>;
}

function Candidate({ job, index, shown }: { job: string; index: number; shown: boolean }): ReactNode {
  const { t } = useTranslation();
  const { send } = useTools();
  const tile = useSelect((state) => tileOf(state, job));
  const image = tile?.images[0];
  const url = image === undefined ? (tile?.preview ?? null) : `/api/v1/images/${image}/thumbnail`;
  const live = tile ? !ended(tile.status) : true;
  const share = tile && tile.steps > 0 ? tile.step / tile.steps : 0;
  return (
    <li>
      <button
        type="button"
        className="canvas-candidate"
        aria-pressed={shown}
        aria-label={t("ui.canvas.candidate", { number: index + 1 })}
        data-status={tile?.status ?? "queued"}
        onClick={() => send({ type: "slice.canvas.shown", index })}
      >
        {url !== null && <img src={url} alt="" />}
        {live && <span className="canvas-share" style={{ inlineSize: `${Math.round(share * 100)}%` }} />}
      </button>
    </li>
  );
}
