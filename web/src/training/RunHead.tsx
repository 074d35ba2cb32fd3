import { Button, NativeSelect, TextInput } from "@mantine/core";
import { useMemo, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Training } from "../api/wire.gen";
import { useKeys } from "../app/keys";
import { go } from "../app/route";
import { useFeature, useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { Ask } from "./Ask";
import { GoOn } from "./GoOn";
import { Publish } from "./Publish";
import { runActions } from "./runActions";
import { isActive } from "./states";

type Asking = "stop" | "delete" | "on" | "publish" | null;

/** The run's name and what may be done with it now. */
export function RunHead({ run }: { run: Training }): ReactNode {
  const { t } = useTranslation();
  const { steer, remove, again } = useFeature(runActions);
  const [asking, setAsking] = useState<Asking>(null);
  const active = isActive(run);
  const running = run.status === "running";
  const keys = useMemo(() => ({ escape: () => setAsking("stop") }), []);
  useKeys(keys, active && asking === null);
  const has = useSelect((state) => state.training.opened[run.id]?.kept.some(({ kind }) => kind === "snapshot") ?? false);
  return (
    <header className="run-head">
      <div className="training-head">
        <Name key={run.name} run={run} />
        <div className="run-buttons">
          {running && <Button variant="default" leftSection={<Icon name="pause" />} onClick={() => steer(run.id, "pause")}>{t("ui.training.pause")}</Button>}
          {run.status === "paused" && <Button leftSection={<Icon name="play" />} onClick={() => steer(run.id, "resume")}>{t("ui.training.resume")}</Button>}
          {active && <Button variant="default" leftSection={<Icon name="stop" />} onClick={() => setAsking("stop")}>{t(run.status === "queued" ? "ui.cancel" : "ui.training.stop")}</Button>}
          {!active && <Button variant="default" leftSection={<Icon name="play" />} onClick={() => setAsking("on")}>{t("ui.training.go_on")}</Button>}
          <Button variant={active ? "default" : "filled"} disabled={!has} onClick={() => setAsking("publish")}>{t("ui.training.publish")}</Button>
        </div>
      </div>
      <div className="run-more">
        {running && <Button variant="subtle" color="gray" size="compact-sm" onClick={() => steer(run.id, "sample")}>{t("ui.training.sample_now")}</Button>}
        {running && <Button variant="subtle" color="gray" size="compact-sm" onClick={() => steer(run.id, "checkpoint")}>{t("ui.training.checkpoint_now")}</Button>}
        <Button
          variant="subtle"
          color="gray"
          size="compact-sm"
          onClick={() => {
            again(run, null);
            go("training");
          }}
        >
          {t("ui.training.again")}
        </Button>
        <Button component="a" variant="subtle" color="gray" size="compact-sm" target="_blank" rel="noreferrer" href={`/api/v1/trainings/${run.id}/report?format=html`}>
          {t("ui.training.report")}
        </Button>
        {run.model !== null && <Export run={run} />}
        {!active && (
          <Button variant="subtle" color="gray" size="compact-sm" onClick={() => setAsking("delete")}>{t("ui.training.delete")}</Button>
        )}
      </div>
      {asking === "stop" && (
        <Ask
          title={t("ui.training.stop")}
          text={t("ui.training.stop_ask")}
          yes={t("ui.training.stop_yes")}
          onYes={() => steer(run.id, "stop")}
          onClose={() => setAsking(null)}
        />
      )}
      {asking === "delete" && (
        <Ask
          title={t("ui.training.delete")}
          text={t("ui.training.delete_ask", { name: run.name })}
          yes={t("ui.delete")}
          onYes={() => {
            remove(run.id);
            go("training");
          }}
          onClose={() => setAsking(null)}
        />
      )}
      {asking === "on" && <GoOn run={run} onClose={() => setAsking(null)} />}
      {asking === "publish" && <Publish run={run} step={null} onClose={() => setAsking(null)} />}
    </header>
  );
}

function Name({ run }: { run: Training }): ReactNode {
  const { t } = useTranslation();
  const { rename } = useFeature(runActions);
  const [typed, setTyped] = useState(run.name);
  return (
    <TextInput
      className="training-name grow"
      aria-label={t("ui.training.name")}
      value={typed}
      maxLength={100}
      onChange={(event) => setTyped(event.currentTarget.value)}
      onBlur={() => {
        if (typed.trim() === "") setTyped(run.name);
        else if (typed.trim() !== run.name) rename(run.id, typed.trim());
      }}
      onKeyDown={(event) => {
        if (event.key === "Enter") event.currentTarget.blur();
      }}
    />
  );
}

/** Download the published model in a form for other programs. */
function Export({ run }: { run: Training }): ReactNode {
  const { t } = useTranslation();
  const { download } = useFeature(runActions);
  const forms = run.method === "full" ? (["single", "diffusers"] as const) : (["kohya", "diffusers"] as const);
  return (
    <NativeSelect
      className="export"
      size="xs"
      aria-label={t("ui.training.export")}
      value=""
      onChange={({ currentTarget: { value } }) => {
        const form = forms.find((one) => one === value);
        if (form) download(run.id, form);
      }}
    >
      <option value="">{t("ui.training.export")}</option>
      {forms.map((form) => (
        <option key={form} value={form}>{t(`ui.training.export.${form}`)}</option>
      ))}
    </NativeSelect>
  );
}
