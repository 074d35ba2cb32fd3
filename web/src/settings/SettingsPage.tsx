import { Button, NativeSelect, SegmentedControl } from "@mantine/core";
import { useEffect, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "../i18n/format";
import type { Theme } from "../state/model";
import { useActions, useSelect } from "../state/store";

const THEMES: readonly Theme[] = ["dark", "light", "auto"];

/** How the page looks and speaks, and what it is connected to. */
export function SettingsPage(): ReactNode {
  const { t, i18n } = useTranslation();
  const { prefer, signOut } = useActions();
  const languages = useSelect((state) => state.capabilities?.languages);
  const theme = useSelect((state) => state.preferences.theme);
  const known = languages ?? { [i18n.language]: t("language.name") };
  return (
    <div className="page narrow">
      <h1>{t("ui.nav.settings")}</h1>
      <section className="stack card">
        <NativeSelect
          label={t("ui.language")}
          value={i18n.language}
          data={Object.entries(known).map(([value, label]) => ({ value, label }))}
          onChange={(event) => prefer({ language: event.currentTarget.value })}
        />
        <div>
          <span className="label" id="theme">
            {t("ui.theme")}
          </span>
          <SegmentedControl
            fullWidth
            aria-labelledby="theme"
            transitionDuration={120}
            value={theme}
            data={THEMES.map((value) => ({ value, label: t(`ui.theme.${value}`) }))}
            onChange={(value) => prefer({ theme: value as Theme })}
          />
        </div>
      </section>
      <About />
      <section className="card stack">
        <p className="quiet">{t("ui.sign_out_help")}</p>
        <Button variant="default" onClick={signOut}>
          {t("ui.sign_out")}
        </Button>
      </section>
    </div>
  );
}

function About(): ReactNode {
  const { t } = useTranslation();
  const { loadSystem } = useActions();
  const format = useFormat();
  const system = useSelect((state) => state.system);
  const memory = useSelect((state) => state.memory);
  const engine = useSelect((state) => state.engine?.state ?? null);
  useEffect(() => loadSystem(), [loadSystem]);
  if (!system) return <section className="card about" aria-busy="true" />;
  const { device, device_name, memory_total, torch } = system.engine;
  const total = memory?.total ?? memory_total;
  const lines: [string, string | null][] = [
    ["ui.version", system.version],
    ["ui.engine", engine === null ? null : t(`ui.engine.${engine}`)],
    ["ui.device", device_name ?? device],
    ["ui.memory", total === null ? null : memory === null
      ? format.bytes(total)
      : t("ui.memory_used", { used: format.bytes(memory.used), total: format.bytes(total) })],
    ["PyTorch", torch],
    ["Python", system.python],
    ["ui.platform", system.platform],
    ["ui.uptime", format.duration(system.uptime_seconds)],
  ];
  return (
    <section className="card about" aria-label={t("ui.about")}>
      <h2>{t("ui.about")}</h2>
      <dl>
        {lines.map(([key, value]) =>
          !value ? null : (
            <div key={key}>
              <dt>{t(key)}</dt>
              <dd>
                <bdi>{value}</bdi>
              </dd>
            </div>
          ),
        )}
      </dl>
    </section>
  );
}
