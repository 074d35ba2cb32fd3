import { ActionIcon, Button } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "../i18n/format";
import type { State } from "../state/model";
import { useActions, useFeature, useSelect } from "../state/store";
import { liveTiles } from "../state/tiles";
import { Icon } from "../ui/icons";
import { queueActions } from "./actions";

/** Give the seconds until all is done: the server's figure, never less than a running job's. */
function secondsLeft(state: State): number {
  const running = liveTiles(state).filter((tile) => tile.status === "running");
  return Math.max(state.queue.eta_seconds ?? 0, ...running.map((tile) => tile.eta ?? 0));
}

/** The queue at a glance: what runs, what waits, for how long; and a hand on it. */
export function QueueStrip(): ReactNode {
  const { t } = useTranslation();
  const { queueVerb, cancelAll } = useActions();
  const format = useFormat();
  const queue = useSelect((state) => state.queue);
  const engine = useSelect((state) => state.engine?.state ?? null);
  const eta = useSelect(secondsLeft);
  const open = useSelect((state) => state.queueList.open);
  const { open: show } = useFeature(queueActions);
  const running = queue.counts.running ?? 0;
  const waiting = queue.counts.queued ?? 0;
  const turn = t(queue.paused ? "ui.resume" : "ui.pause");
  return (
    <div className="strip" aria-label={t("ui.queue")} role="group">
      <button
        type="button"
        className="strip-open"
        aria-expanded={open}
        aria-controls="queue-panel"
        aria-label={t(open ? "ui.queue.hide" : "ui.queue.show")}
        title={t(open ? "ui.queue.hide" : "ui.queue.show")}
        onClick={() => show(!open)}
      >
        <Icon name={open ? "down" : "up"} />
      </button>
      <span className="strip-counts" role="status">
        <span className="live-dot" data-on={running > 0} aria-hidden="true" />
        {t("ui.running", { count: running })} · {t("ui.queued", { count: waiting })}
        {queue.paused && <strong> · {t(`ui.paused.${queue.reason ?? "asked"}`, t("ui.paused.asked"))}</strong>}
        {engine !== null && engine !== "ready" && <strong> · {t(`ui.engine.${engine}`)}</strong>}
      </span>
      <span className="strip-eta">
        {eta >= 1 && !queue.paused ? format.duration(eta) : ""}
      </span>
      <Button
        size="compact-sm"
        variant="default"
        disabled={running + waiting === 0}
        onClick={cancelAll}
      >
        {t("ui.cancel_all")}
      </Button>
      <ActionIcon
        variant="default"
        aria-label={turn}
        title={turn}
        onClick={() => queueVerb(queue.paused ? "resume" : "pause")}
      >
        <Icon name={queue.paused ? "play" : "pause"} />
      </ActionIcon>
    </div>
  );
}
