import { Button } from "@mantine/core";
import { useState, type ReactNode } from "react";
import type { TFunction } from "i18next";
import { useTranslation } from "react-i18next";
import type { Model } from "../api/wire.gen";
import { go } from "../app/route";
import { useFormat } from "../i18n/format";
import { chosenModel } from "../state/choices";
import { EMPTY_DRAFT } from "../state/model";
import { useActions, useFeature, useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { Meter } from "../ui/Meter";
import { said } from "../ui/problem";
import { modelsActions } from "./actions";
import { ConvertDialog } from "./ConvertDialog";
import { DeleteDialog } from "./DeleteDialog";
import type { Task } from "./slice";

const CONVERTED = ["diffusers", "single"];

/** What can be done with a model, and how far it is where it takes a while. */
export function ModelVerbs({ model }: { model: Model }): ReactNode {
  const { t } = useTranslation();
  const { prefer, draft } = useActions();
  const { unload, verify } = useFeature(modelsActions);
  const [asked, setAsked] = useState<"convert" | "delete" | null>(null);
  const tasks = useSelect((state) => state.modelsPage.tasks);
  const preferred = useSelect((state) => chosenModel({ ...state, draft: EMPTY_DRAFT })?.id === model.id);
  const draws = model.kind === "checkpoint" && !model.missing;
  const written = draws && CONVERTED.includes(model.format);
  return (
    <>
      <div className="bar">
        {draws && (
          <Button onClick={() => {
            draft({ model: model.id });
            go("generate");
          }}>
            {t("ui.models.draw")}
          </Button>
        )}
        {draws && (
          <Button
            variant="default"
            aria-pressed={preferred}
            data-active={preferred || undefined}
            onClick={() => {
              prefer({ model: model.id });
              draft({ model: null });
            }}
          >
            {t(preferred ? "ui.is_default" : "ui.make_default")}
          </Button>
        )}
        {model.loaded && (
          <Button variant="default" onClick={() => unload(model.id)}>
            {t("ui.models.unload")}
          </Button>
        )}
        {written && (
          <Button variant="default" onClick={() => setAsked("convert")}>
            {t("ui.models.convert")}
          </Button>
        )}
        {written && (
          <Button variant="default" title={t("ui.models.verify_help")} onClick={() => verify(model)}>
            {t("ui.models.verify")}
          </Button>
        )}
        <Button variant="default" leftSection={<Icon name="trash" />} onClick={() => setAsked("delete")}>
          {t("ui.delete")}
        </Button>
      </div>
      {tasks.filter((task) => task.model === model.id).map((task) => (
        <TaskLine key={task.job} task={task} />
      ))}
      {asked === "convert" && <ConvertDialog model={model} onClose={() => setAsked(null)} />}
      {asked === "delete" && <DeleteDialog model={model} onClose={() => setAsked(null)} />}
    </>
  );
}

function TaskLine({ task }: { task: Task }): ReactNode {
  const { t } = useTranslation();
  const { stop } = useFeature(modelsActions);
  const live = task.status === "queued" || task.status === "running";
  return (
    <div className="card task" role="status">
      <div className="grow">
        <strong>{t(`ui.task.${task.what}`)}</strong>
        <Outcome task={task} />
        {live && <Meter live label={t("ui.progress")} share={task.steps > 0 ? task.step / task.steps : 0} />}
      </div>
      {live && (
        <Button variant="default" onClick={() => stop(task.job)}>
          {t("ui.cancel")}
        </Button>
      )}
    </div>
  );
}

function Outcome({ task }: { task: Task }): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const made = useSelect((state) => state.models?.find(({ id }) => id === task.result?.["model"]) ?? null);
  switch (task.status) {
    case "queued":
      return <p className="quiet">{t("ui.waiting")}</p>;
    case "running":
      return <p className="quiet">{t(`ui.phase.${task.phase || "start"}`, t("ui.phase.node"))}</p>;
    case "failed":
    case "quarantined":
      return <p className="wrong">{said(t, task.error) || t("ui.status.failed")}</p>;
    case "canceled":
      return <p className="quiet">{t("ui.status.canceled")}</p>;
    case "succeeded":
      if (task.what === "convert") {
        return made === null ? (
          <p className="quiet">{t("ui.models.converted_plain")}</p>
        ) : (
          <a href={`#/models/${made.id}`}>{t("ui.models.converted", { name: made.name })}</a>
        );
      }
      return <p className="quiet">{verdict(task.result, t, format.number)}</p>;
  }
}

function verdict(result: Task["result"], t: TFunction, number: (value: number) => string): string {
  const worst = result?.["max"];
  if (result?.["same"] === true) return t("ui.models.verified_same");
  return typeof worst === "number" ? t("ui.models.verified", { levels: number(worst) }) : t("ui.models.verified_plain");
}
