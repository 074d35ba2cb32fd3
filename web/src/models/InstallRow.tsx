import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import type { TFunction } from "i18next";
import { useTranslation } from "react-i18next";
import type { Install } from "../api/wire.gen";
import { hashOf } from "../app/route";
import { useFormat, type Format } from "../i18n/format";
import { useFeature } from "../state/store";
import { Dots } from "../ui/Dots";
import { Meter } from "../ui/Meter";
import { said } from "../ui/problem";
import { modelsActions } from "./actions";

const LONG = 100 * 3600; // seconds; a longer guess says nothing
const LIVE = ["queued", "resolving", "downloading", "verifying"];

/** A model on its way: how far it is, how fast, and what can be done about it. */
export function InstallRow({ install }: { install: Install }): ReactNode {
  const { t } = useTranslation();
  const { steer } = useFeature(modelsActions);
  const format = useFormat();
  const { id, status, total, bytes, model } = install;
  const live = LIVE.includes(status);
  const link = linkOf(install);
  return (
    <li className="row install" data-status={status}>
      <div className="grow">
        <h3 dir="auto">
          <bdi>{install.name ?? install.source}</bdi>
        </h3>
        {install.name !== null && <p className="quiet mono" dir="ltr">{install.source}</p>}
        <p className={status === "failed" ? "wrong" : "quiet"}>
          <Dots parts={wordsOf(install, t, format)} />
        </p>
        {link !== null && (
          <a href={link} target="_blank" rel="noreferrer noopener" dir="ltr">{link}</a>
        )}
        {(live || status === "paused") && (
          <Meter live={status === "downloading"} label={t("ui.progress")} share={total ? bytes / total : 0} />
        )}
      </div>
      <div className="bar">
        {status === "done" && model !== null && (
          <Button component="a" href={hashOf("models", model)} variant="default">{t("ui.models.show")}</Button>
        )}
        {live && <Button variant="default" onClick={() => steer(id, "pause")}>{t("ui.models.pause")}</Button>}
        {status === "paused" && <Button variant="default" onClick={() => steer(id, "resume")}>{t("ui.models.resume")}</Button>}
        {status === "failed" && <Button variant="default" onClick={() => steer(id, "resume")}>{t("ui.retry")}</Button>}
        {(live || status === "paused" || status === "failed") && (
          <Button variant="default" onClick={() => steer(id, "cancel")}>{t("ui.cancel")}</Button>
        )}
      </div>
    </li>
  );
}

function wordsOf(install: Install, t: TFunction, format: Format): (string | null)[] {
  const { status, bytes, total, per_second, eta_seconds, reason, error } = install;
  const size =
    total === null ? format.bytes(bytes) : t("ui.memory_used", { used: format.bytes(bytes), total: format.bytes(total) });
  switch (status) {
    case "queued":
      return [t("ui.waiting")];
    case "resolving":
      return [t("ui.install.resolving")];
    case "verifying":
      return [t("ui.install.verifying")];
    case "downloading":
      return [
        size,
        per_second > 0 ? t("ui.install.pace", { size: format.bytes(per_second) }) : null,
        eta_seconds !== null && eta_seconds < LONG ? t("ui.install.left", { time: format.duration(eta_seconds) }) : null,
      ];
    case "paused":
      return [t(reason === "disk_full" ? "ui.install.disk_full" : "ui.install.paused"), size];
    case "failed":
      return [said(t, error) || t("ui.status.failed")];
    case "canceled":
      return [t("ui.status.canceled")];
    case "done":
      return [t("ui.install.done"), total === null ? null : format.bytes(total)];
  }
}

/** Give the page where a licence is accepted, if the failure names one. */
function linkOf({ status, error }: Install): string | null {
  const link = status === "failed" ? error?.params?.["link"] : null;
  return typeof link === "string" && /^https?:\/\//.test(link) ? link : null;
}
