import { Button, TextInput } from "@mantine/core";
import { useEffect, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useFeature, useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { systemActions } from "./actions";
import { SettingRow } from "./SettingRow";

/** Every setting of the server: what it is, its value, and where that came from. */
export function ServerSettings(): ReactNode {
  const { t } = useTranslation();
  const { loadConfig } = useFeature(systemActions);
  const loaded = useSelect((state) => state.systemPage.configLoaded);
  const settings = useSelect((state) => state.systemPage.config);
  const [q, setQ] = useState("");
  useEffect(() => {
    if (loaded === "idle" || loaded === "stale") loadConfig();
  }, [loaded, loadConfig]);
  const words = q.toLowerCase().trim();
  const found = settings.filter(({ name, description }) =>
    `${t(`settings.${name}`, name)} ${name} ${description}`.toLowerCase().includes(words));
  const [live, fixed] = [found.filter((one) => one.live), found.filter((one) => !one.live)];
  if (loaded === "failed") {
    return (
      <div className="empty">
        <Button variant="default" onClick={loadConfig}>{t("ui.retry")}</Button>
      </div>
    );
  }
  return (
    <>
      <TextInput
        type="search"
        aria-label={t("ui.search")}
        placeholder={t("ui.config.search")}
        leftSection={<Icon name="search" />}
        value={q}
        onChange={(event) => setQ(event.currentTarget.value)}
      />
      {settings.length === 0 && <div className="settings-wait" aria-busy="true" />}
      {live.length > 0 && (
        <section className="card stack" aria-label={t("ui.config.live")}>
          <h2>{t("ui.config.live")}</h2>
          <p className="quiet">{t("ui.config.live_help")}</p>
          {live.map((setting) => <SettingRow key={setting.name} setting={setting} />)}
        </section>
      )}
      {fixed.length > 0 && (
        <section className="card stack" aria-label={t("ui.config.fixed")}>
          <h2>{t("ui.config.fixed")}</h2>
          <p className="quiet">{t("ui.config.fixed_help")}</p>
          {fixed.map((setting) => <SettingRow key={setting.name} setting={setting} />)}
        </section>
      )}
      {settings.length > 0 && found.length === 0 && <p className="quiet">{t("ui.nothing_found")}</p>}
    </>
  );
}
