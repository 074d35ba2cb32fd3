import { useSyncExternalStore, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useSelect } from "../state/store";
import { bannerOf } from "./banners";
import { useAdmin } from "./useAdmin";

/** A thin line while the socket is away, and what else keeps work from being done. */
export function Connection(): ReactNode {
  const { t } = useTranslation();
  const away = useSelect((state) => state.line === "reconnecting");
  const online = useSyncExternalStore(watchOnline, () => navigator.onLine);
  const engine = useSelect((state) => state.engine);
  const queue = useSelect((state) => state.queue);
  const line = useSelect((state) => state.line);
  const reasons = useSelect((state) => state.reasons);
  const banner = bannerOf({ engine, queue, line, reasons }, online);
  const admin = useAdmin(banner !== null && banner.help !== null);
  return (
    <div className="line">
      <div className="line-state" role="status" aria-live="polite" data-away={away}>
        {away && <span>{t("ui.reconnecting")}</span>}
      </div>
      <div role="status" aria-live="polite">
        {banner !== null && (
          <p className="banner" data-tone={banner.tone}>
            {t(`ui.banner.${banner.name}`)}
            {banner.help !== null && admin && <a href={banner.help.href}>{t(banner.help.words)}</a>}
          </p>
        )}
      </div>
    </div>
  );
}

function watchOnline(listener: () => void): () => void {
  window.addEventListener("online", listener);
  window.addEventListener("offline", listener);
  return () => {
    window.removeEventListener("online", listener);
    window.removeEventListener("offline", listener);
  };
}
