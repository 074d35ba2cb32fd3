import { Button, NativeSelect } from "@mantine/core";
import { useEffect, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Recommended } from "../api/wire.gen";
import { useFormat } from "../i18n/format";
import { useFeature, useSelect, useTools } from "../state/store";
import { Dots } from "../ui/Dots";
import { modelsActions } from "./actions";

/** Models that are worth to begin with, each one click away. */
export function Recommendations(): ReactNode {
  const { t } = useTranslation();
  const { loadRecommended } = useFeature(modelsActions);
  const items = useSelect((state) => state.modelsPage.recommended);
  const [family, setFamily] = useState("");
  useEffect(() => loadRecommended(), [loadRecommended]);
  const families = [...new Set((items ?? []).map((one) => one.family))];
  return (
    <section className="stack" aria-label={t("ui.models.recommended")}>
      <header className="page-head">
        <h2>{t("ui.models.recommended")}</h2>
        <NativeSelect
          aria-label={t("ui.models.family")}
          value={family}
          data={[{ value: "", label: t("ui.models.every_family") }, ...families.map((value) => ({ value, label: value }))]}
          onChange={(event) => setFamily(event.currentTarget.value)}
        />
      </header>
      {items === null && <div className="rows-wait" aria-busy="true" />}
      <ul className="recommended">
        {(items ?? []).filter((one) => family === "" || one.family === family).map((one) => (
          <Offer key={one.source} offer={one} />
        ))}
      </ul>
    </section>
  );
}

function Offer({ offer }: { offer: Recommended }): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const { run } = useTools();
  const { install } = useFeature(modelsActions);
  const total = useSelect((state) => state.memory?.total ?? state.system?.memory?.total ?? null);
  const coming = useSelect((state) =>
    state.modelsPage.installs.some(
      ({ source, status }) => source === offer.source && status !== "canceled" && status !== "failed",
    ),
  );
  const tight = offer.memory !== null && total !== null && offer.memory > total;
  return (
    <li className="card offer">
      <div className="grow">
        <h3>
          <bdi>{offer.name}</bdi>
        </h3>
        <p dir="auto">{offer.about}</p>
        <p className="quiet">
          <Dots parts={[t(`ui.kind.${offer.kind}`), offer.family, t("ui.models.download", { size: format.bytes(offer.about_bytes) })]} />
        </p>
        <p className="quiet">
          {offer.memory !== null && (
            <span className={tight ? "wrong" : ""}>{t("ui.models.needs", { size: format.bytes(offer.memory) })} · </span>
          )}
          <a href={offer.licence_link} target="_blank" rel="noreferrer noopener"><bdi dir="ltr">{offer.licence}</bdi></a>
          {offer.gated === true && <> · {t("ui.models.gated")}</>}
        </p>
      </div>
      <Button
        variant="default"
        disabled={coming}
        aria-label={t("ui.models.install_name_of", { name: offer.name })}
        onClick={() => run(() => install({ source: offer.source, name: offer.name }))}
      >
        {t(coming ? "ui.models.coming" : "ui.models.install")}
      </Button>
    </li>
  );
}
