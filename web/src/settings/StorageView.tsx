import { Button } from "@mantine/core";
import { useEffect, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "../i18n/format";
import { useFeature, useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { Meter } from "../ui/Meter";
import { systemActions } from "./actions";
import { Intermediates } from "./Intermediates";
import { MovingIn } from "./MovingIn";

/** What lies on the disk, and how much room is left. */
export function StorageView(): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const { loadStorage } = useFeature(systemActions);
  const storage = useSelect((state) => state.systemPage.storage);
  useEffect(() => loadStorage(), [loadStorage]);
  if (storage === null) return <div className="settings-wait" aria-busy="true" />;
  const used = storage.total - storage.free;
  const largest = Math.max(1, ...storage.parts.map(({ bytes }) => bytes));
  const short = storage.free < storage.floor * 2;
  return (
    <>
      <section className="card stack">
        <div className="row-wide">
          <h2 className="grow">{t("ui.storage.disk")}</h2>
          <Button variant="default" leftSection={<Icon name="again" />} onClick={loadStorage}>
            {t("ui.storage.measure")}
          </Button>
        </div>
        <p className={short ? "wrong" : "quiet"}>
          {t("ui.storage.free", { free: format.bytes(storage.free), total: format.bytes(storage.total) })}
        </p>
        <Meter label={t("ui.storage.disk")} share={used / storage.total} />
        <p className="quiet">{t("ui.storage.floor", { size: format.bytes(storage.floor) })}</p>
      </section>
      <section className="card stack">
        <h2>{t("ui.storage.ours", { size: format.bytes(storage.parts.reduce((sum, { bytes }) => sum + bytes, 0)) })}</h2>
        <ul className="parts">
          {storage.parts.map(({ name, bytes, files }) => (
            <li key={name}>
              <span>{t(`ui.storage.${name}`)}</span>
              <span className="quiet">{t("ui.storage.files", { count: files })}</span>
              <span>{format.bytes(bytes)}</span>
              <Meter hidden label="" share={bytes / largest} />
            </li>
          ))}
        </ul>
        <p className="quiet">{t("ui.storage.help")}</p>
      </section>
      <Intermediates />
      <MovingIn />
    </>
  );
}
