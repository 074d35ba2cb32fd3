import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Model } from "../api/wire.gen";
import { useFormat } from "../i18n/format";
import { chosenModel } from "../state/choices";
import { EMPTY_DRAFT } from "../state/model";
import { useActions, useSelect } from "../state/store";
import { Icon } from "../ui/icons";

/** What there is to draw with. */
export function ModelsPage(): ReactNode {
  const { t } = useTranslation();
  const { scan } = useActions();
  const models = useSelect((state) => state.models);
  return (
    <div className="page narrow">
      <header className="page-head">
        <h1>{t("ui.nav.models")}</h1>
        <Button variant="default" leftSection={<Icon name="again" />} onClick={scan}>
          {t("ui.scan")}
        </Button>
      </header>
      {models?.length === 0 && (
        <div className="empty">
          <p>{t("ui.models_empty")}</p>
        </div>
      )}
      <ul className="rows">
        {models?.map((model) => (
          <Row key={model.id} model={model} />
        ))}
      </ul>
    </div>
  );
}

function Row({ model }: { model: Model }): ReactNode {
  const { t } = useTranslation();
  const { prefer, draft } = useActions();
  const format = useFormat();
  const preferred = useSelect(
    (state) => chosenModel({ ...state, draft: EMPTY_DRAFT })?.id === model.id,
  );
  const { width, height, steps } = model.defaults;
  const facts = [
    model.family,
    model.kind,
    model.format,
    format.bytes(model.bytes),
    width !== null && height !== null ? `${width} × ${height}` : null,
    steps !== null ? t("ui.step_count", { count: steps }) : null,
  ];
  return (
    <li className="row">
      <div className="grow">
        <h2>
          <bdi>{model.name}</bdi>
          {model.loaded && <span className="tag">{t("ui.loaded")}</span>}
        </h2>
        <p className="quiet">{facts.filter((fact) => fact !== null).join(" · ")}</p>
        {model.description && <p className="quiet" dir="auto">{model.description}</p>}
      </div>
      {model.kind === "checkpoint" && (
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
    </li>
  );
}
