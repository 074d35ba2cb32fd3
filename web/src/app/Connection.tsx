import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useSelect } from "../state/store";

/** A thin line while the socket is away; the page stays usable under it. */
export function Connection(): ReactNode {
  const { t } = useTranslation();
  const away = useSelect((state) => state.line === "reconnecting");
  return (
    <div className="line-state" role="status" aria-live="polite" data-away={away}>
      {away && <span>{t("ui.reconnecting")}</span>}
    </div>
  );
}
