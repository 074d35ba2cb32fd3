import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ended } from "../state/model";
import { useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { PAGES, type Page } from "./route";

export function Nav({ page, onHelp }: { page: Page; onHelp: () => void }): ReactNode {
  const { t } = useTranslation();
  const busy = useSelect((state) => Object.values(state.tiles).some((tile) => !ended(tile.status)));
  return (
    <nav className="rail" aria-label={t("ui.navigation")}>
      {PAGES.map((name) => (
        <a
          key={name}
          className="rail-item"
          href={`#/${name}`}
          aria-current={name === page ? "page" : undefined}
          aria-label={t(`ui.nav.${name}`)}
          title={t(`ui.nav.${name}`)}
        >
          <Icon name={name} />
          {name === "generate" && busy && <span className="live-dot" aria-hidden="true" />}
        </a>
      ))}
      <button
        className="rail-item rail-help"
        type="button"
        onClick={onHelp}
        aria-label={t("ui.shortcuts")}
        title={t("ui.shortcuts")}
      >
        <Icon name="help" />
      </button>
    </nav>
  );
}
