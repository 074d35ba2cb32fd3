import { useEffect, useRef, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useSelect } from "../state/store";
import { liveTiles } from "../state/tiles";
import { Icon } from "../ui/icons";
import { PAGES, type Page } from "./route";

const THUMB: readonly Page[] = ["generate", "gallery", "training", "models"]; // on a phone; the rest is under "more"

/** The way to every page: a rail at the side, on a phone a bar at the thumb. */
export function Nav({ page, onHelp }: { page: Page; onHelp: () => void }): ReactNode {
  const { t } = useTranslation();
  const busy = useSelect((state) => liveTiles(state).length > 0);
  const [open, setOpen] = useState(false);
  const rail = useRef<HTMLElement>(null);
  useEffect(() => {
    if (!open) return;
    function leave(event: Event): void {
      const away = event instanceof KeyboardEvent ? event.key === "Escape" : !rail.current?.contains(event.target as Node);
      if (away) setOpen(false);
    }
    document.addEventListener("pointerdown", leave);
    document.addEventListener("keydown", leave);
    return () => {
      document.removeEventListener("pointerdown", leave);
      document.removeEventListener("keydown", leave);
    };
  }, [open]);
  return (
    <nav className="rail" aria-label={t("ui.navigation")} ref={rail} data-open={open}>
      {PAGES.map((name) => (
        <a
          key={name}
          className="rail-item"
          data-more={!THUMB.includes(name)}
          href={`#/${name}`}
          aria-current={name === page ? "page" : undefined}
          aria-label={t(`ui.nav.${name}`)}
          title={t(`ui.nav.${name}`)}
          onClick={() => setOpen(false)}
        >
          <Icon name={name} />
          <span className="rail-word" aria-hidden="true">{t(`ui.nav.${name}`)}</span>
          {name === "generate" && busy && <span className="live-dot" aria-hidden="true" />}
        </a>
      ))}
      <button
        className="rail-item rail-help"
        data-more="true"
        type="button"
        onClick={() => {
          setOpen(false);
          onHelp();
        }}
        aria-label={t("ui.shortcuts")}
        title={t("ui.shortcuts")}
      >
        <Icon name="help" />
        <span className="rail-word" aria-hidden="true">{t("ui.shortcuts")}</span>
      </button>
      <button
        className="rail-item rail-more"
        type="button"
        aria-expanded={open}
        aria-label={t("ui.nav.more")}
        data-here={!THUMB.includes(page)}
        onClick={() => setOpen(!open)}
      >
        <Icon name="more" />
        <span className="rail-word" aria-hidden="true">{t("ui.nav.more")}</span>
      </button>
    </nav>
  );
}
