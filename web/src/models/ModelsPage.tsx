import { Button } from "@mantine/core";
import { useEffect, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { hashOf } from "../app/route";
import { useActions, useFeature, useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { Tabs } from "../ui/Tabs";
import { modelsActions } from "./actions";
import { AddModels } from "./AddModels";
import { Folders } from "./Folders";
import { Library } from "./Library";
import { MemoryBar } from "./MemoryBar";
import { settled } from "./slice";
import "./models.css";

/** The library of models: what is there, what is on its way, and where it lies. */
export function ModelsPage({ rest }: { rest: string[] }): ReactNode {
  const { t } = useTranslation();
  const { scan } = useActions();
  const { loadInstalls } = useFeature(modelsActions);
  const loaded = useSelect((state) => state.modelsPage.installsLoaded);
  const coming = useSelect(
    (state) => state.modelsPage.installs.filter((one) => !settled(one) && one.status !== "failed").length,
  );
  useEffect(() => {
    if (loaded === "idle" || loaded === "stale") loadInstalls();
  }, [loaded, loadInstalls]);
  const part = rest[0] === "add" || rest[0] === "folders" ? rest[0] : "library";
  const tabs = [
    { name: "library", href: hashOf("models"), label: t("ui.models.library") },
    { name: "add", href: hashOf("models", "add"), label: t("ui.models.add"), count: coming },
    { name: "folders", href: hashOf("models", "folders"), label: t("ui.models.folders") },
  ];
  return (
    <div className="page models">
      <header className="models-head">
        <h1>{t("ui.nav.models")}</h1>
        <Tabs label={t("ui.nav.models")} tabs={tabs} shown={part} />
        <MemoryBar />
        <Button className="models-scan" variant="default" leftSection={<Icon name="again" />} onClick={scan}>
          {t("ui.scan")}
        </Button>
      </header>
      {part === "library" && <Library chosen={rest[0] ?? null} />}
      {part === "add" && <AddModels />}
      {part === "folders" && <Folders />}
    </div>
  );
}
