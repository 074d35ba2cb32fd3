import { Button } from "@mantine/core";
import { useEffect, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ANY, toAddress } from "../gallery/filter";
import { useFormat } from "../i18n/format";
import { useFeature, useSelect } from "../state/store";
import { Confirm } from "../ui/Confirm";
import { systemActions } from "./actions";

/** What was sent for jobs alone, and a way to be rid of it. */
export function Intermediates(): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const { loadIntermediates, clearIntermediates } = useFeature(systemActions);
  const held = useSelect((state) => state.systemPage.intermediates);
  const [asking, setAsking] = useState(false);
  useEffect(() => loadIntermediates(), [loadIntermediates]);
  return (
    <section className="card stack">
      <div className="row-wide">
        <h2 className="grow">{t("ui.storage.intermediates")}</h2>
        <Button component="a" variant="default" href={`#/gallery?${toAddress({ ...ANY, kind: "intermediate" })}`}>
          {t("ui.models.show")}
        </Button>
        <Button variant="default" disabled={!held?.count} onClick={() => setAsking(true)}>{t("ui.storage.clear")}</Button>
      </div>
      <p className="quiet">{t("ui.storage.intermediates_help")}</p>
      <p aria-live="polite" aria-busy={held === null}>
        {held && `${t("ui.storage.files", { count: held.count })} · ${format.bytes(held.bytes)}`}
      </p>
      {asking && (
        <Confirm
          title={t("ui.storage.clear_title")}
          text={t("ui.storage.clear_help")}
          act={t("ui.storage.clear")}
          onAct={clearIntermediates}
          onClose={() => setAsking(false)}
        />
      )}
    </section>
  );
}
