import { useEffect, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { hashOf } from "../app/route";
import { useActions, useSelect } from "../state/store";
import { Tabs } from "../ui/Tabs";
import { About } from "./About";
import { General } from "./General";
import { LogView } from "./LogView";
import { ServerSettings } from "./ServerSettings";
import { StorageView } from "./StorageView";
import { Tokens } from "./Tokens";
import "./settings.css";

const PARTS = ["general", "server", "access", "storage", "log", "about"] as const;
type Part = (typeof PARTS)[number];
const FOR_ALL: readonly Part[] = ["general", "about"]; // the others need the scope admin

/** How the page looks and speaks, and what the server does. */
export function SettingsPage({ rest }: { rest: string[] }): ReactNode {
  const { t } = useTranslation();
  const { loadSession } = useActions();
  const scopes = useSelect((state) => state.systemPage.session?.scopes ?? null);
  useEffect(() => loadSession(), [loadSession]);
  const may = scopes === null || scopes.includes("admin");
  const parts = may ? PARTS : FOR_ALL;
  const part = parts.find((name) => name === rest[0]) ?? "general";
  const tabs = parts.map((name) => ({
    name, label: t(`ui.settings.${name}`),
    href: name === "general" ? hashOf("settings") : hashOf("settings", name),
  }));
  return (
    <div className="page settings">
      <header className="settings-head">
        <h1>{t("ui.nav.settings")}</h1>
        <Tabs label={t("ui.nav.settings")} tabs={tabs} shown={part} />
      </header>
      <div className="settings-scroll" data-part={part}>
        <Shown part={part} />
      </div>
    </div>
  );
}

function Shown({ part }: { part: Part }): ReactNode {
  switch (part) {
    case "general":
      return <General />;
    case "server":
      return <ServerSettings />;
    case "access":
      return <Tokens />;
    case "storage":
      return <StorageView />;
    case "log":
      return <LogView />;
    case "about":
      return <About />;
  }
}
