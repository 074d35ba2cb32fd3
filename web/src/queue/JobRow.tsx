import { ActionIcon } from "@mantine/core";
import type { KeyboardEvent, PointerEvent, ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Job } from "../api/wire.gen";
import { useFormat } from "../i18n/format";
import { reasonOf } from "../state/reason";
import { useFeature, useSelect } from "../state/store";
import { tileOf } from "../state/tiles";
import { Icon } from "../ui/icons";
import { queueActions } from "./actions";

type Props = {
  job: Job;
  top: number; // pixels
  place: number | null; // in the line; null where it does not wait
  last: number; // place of the line
  held: boolean;
  over: boolean; // what is held would come here
  onGrab: ((event: PointerEvent<HTMLElement>, job: string) => void) | null;
};

/** One job of the panel: what it draws, how far it is, and what can be done with it. */
export function JobRow({ job, top, place, last, held, over, onGrab }: Props): ReactNode {
  const { t } = useTranslation();
  const { move, cancel, retry, dismiss } = useFeature(queueActions);
  const head = useSelect((state) => state.queueList.heads[job.batch]);
  const preview = useSelect((state) => tileOf(state, job.id, job.batch)?.preview ?? null);
  const own = job.overrides.prompt;
  const drawn = typeof own === "string" ? own : (head?.prompt ?? t("ui.queue.graph"));
  const title = job.kind === "graph" ? drawn : t(`ui.queue.${job.kind}`);
  const broken = job.status === "failed" || job.status === "quarantined";

  function press(event: KeyboardEvent): void {
    const by = event.key === "ArrowUp" ? -1 : event.key === "ArrowDown" ? 1 : 0;
    const edge = event.key === "Home" ? 0 : event.key === "End" ? last : null;
    if (place === null || (by === 0 && edge === null)) return;
    event.preventDefault();
    event.stopPropagation();
    move(job.id, edge ?? place + by);
  }

  return (
    <li
      className="queue-row"
      data-status={job.status}
      data-held={held || undefined}
      data-over={over || undefined}
      style={{ transform: `translateY(${top}px)` }}
    >
      {onGrab && place !== null ? (
        <button
          type="button"
          className="queue-grip"
          aria-label={t("ui.queue.move", { place: place + 1 })}
          title={t("ui.queue.move", { place: place + 1 })}
          onPointerDown={(event) => onGrab(event, job.id)}
          onKeyDown={press}
        >
          <Icon name="grip" />
        </button>
      ) : (
        <span className="queue-sight">{preview ? <img src={preview} alt="" /> : <span className="live-dot" data-on={!broken} />}</span>
      )}
      <span className="queue-words">
        <span className="queue-title"><bdi>{title}</bdi></span>
        <Detail job={job} place={place} broken={broken} />
      </span>
      {broken ? (
        <>
          <ActionIcon variant="default" aria-label={t("ui.retry")} title={t("ui.retry")} onClick={() => retry(job.id)}>
            <Icon name="again" />
          </ActionIcon>
          <ActionIcon variant="subtle" color="gray" aria-label={t("ui.queue.dismiss")} title={t("ui.queue.dismiss")} onClick={() => dismiss(job.id)}>
            <Icon name="close" />
          </ActionIcon>
        </>
      ) : (
        <ActionIcon variant="subtle" color="gray" aria-label={t("ui.cancel")} title={t("ui.cancel")} onClick={() => cancel(job.id)}>
          <Icon name="close" />
        </ActionIcon>
      )}
    </li>
  );
}

type DetailProps = { job: Job; place: number | null; broken: boolean };

function Detail({ job, place, broken }: DetailProps): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const varied = Object.entries(job.overrides).filter(([name]) => name !== "prompt"); // which is the title
  const cell = varied.map(([name, value]) => `${name} ${String(value)}`);
  if (broken) return <span className="queue-detail refused">{reasonOf(t, job.error) || t(`ui.status.${job.status}`)}</span>;
  const { step, steps } = job.progress;
  const done = steps > 0 ? t("ui.step_of", { step: format.number(step), steps: format.number(steps) }) : t("ui.phase.start");
  const state = place === null ? done : place === 0 ? t("ui.queue.next") : t("ui.queue.place", { place: format.number(place + 1) });
  const left = job.eta_seconds !== null && job.eta_seconds >= 1 ? format.span(job.eta_seconds) : null;
  const shown = [state, left, ...cell].filter((part) => part !== null).join(" · ");
  return (
    <>
      <span className="queue-detail">{shown}</span>
      {place === null && steps > 0 && (
        <progress className="queue-progress" max={steps} value={step} aria-label={t("ui.progress")} />
      )}
    </>
  );
}
