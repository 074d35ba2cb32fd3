import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

export function TrainingPage({ rest }: { rest: string[] }): ReactNode {
  const { t } = useTranslation();
  return <h1 data-rest={rest.join("/")}>{t("ui.nav.training")}</h1>;
}
