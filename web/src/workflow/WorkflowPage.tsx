import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

export function WorkflowPage({ rest }: { rest: string[] }): ReactNode {
  const { t } = useTranslation();
  return <h1 data-rest={rest.join("/")}>{t("ui.nav.workflow")}</h1>;
}
