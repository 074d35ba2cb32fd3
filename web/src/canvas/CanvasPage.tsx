import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

export function CanvasPage(): ReactNode {
  const { t } = useTranslation();
  return <h1>{t("ui.nav.canvas")}</h1>;
}
