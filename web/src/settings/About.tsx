import { useEffect, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "../i18n/format";
import { useActions, useSelect } from "../state/store";
import { Meter } from "../ui/Meter";

/** What runs here, on what, and under which licence. */
export function About(): ReactNode {
  const { t } = useTranslation();
  const { loadSystem } = useActions();
  const format = useFormat();
  const system = useSelect((state) => state.system);
  const memory = useSelect((state) => state.memory);
  const engine = useSelect((state) => state.engine?.state ?? null);
  useEffect(() => loadSystem(), [loadSystem]);
  if (!system) return <section className="card about" aria-busy="true" />;
  const { device, device_name, memory_total, torch } = system.engine;
  const used = memory?.used ?? system.memory?.used ?? null;
  const total = memory?.total ?? system.memory?.total ?? memory_total;
  const lines: [string, string | null][] = [
    [t("ui.version"), system.version],
    [t("ui.engine"), engine === null ? null : t(`ui.engine.${engine}`)],
    [t("ui.device"), device_name ?? device],
    [t("ui.speed"), system.speed],
    ["PyTorch", torch],
    ["Python", system.python],
    [t("ui.platform"), system.platform],
    [t("ui.uptime"), format.duration(system.uptime_seconds)],
  ];
  return (
    <>
      <section className="card about stack" aria-label={t("ui.about")}>
        <h2>Heliograph</h2>
        <p className="quiet">{t("ui.about_text")}</p>
        <dl className="lines">
          {lines.map(([label, value]) =>
            !value ? null : (
              <div key={label}>
                <dt>{label}</dt>
                <dd>
                  <bdi>{value}</bdi>
                </dd>
              </div>
            ),
          )}
        </dl>
      </section>
      {total !== null && (
        <section className="card stack">
          <h2>{t("ui.memory")}</h2>
          <p className="quiet">
            {used === null ? format.bytes(total) : t("ui.memory_used", { used: format.bytes(used), total: format.bytes(total) })}
          </p>
          {used !== null && <Meter label={t("ui.memory")} share={used / total} />}
          {system.memory !== null && (
            <dl className="lines">
              <div>
                <dt>{t("ui.memory_weights_device")}</dt>
                <dd>{format.bytes(system.memory.weights_device)}</dd>
              </div>
              <div>
                <dt>{t("ui.memory_weights_ram")}</dt>
                <dd>{format.bytes(system.memory.weights_ram)}</dd>
              </div>
            </dl>
          )}
        </section>
      )}
      <section className="card stack">
        <h2>{t("ui.about_more")}</h2>
        <ul className="about-links">
          <li><a href="/docs" target="_blank" rel="noreferrer">{t("ui.about_api")}</a></li>
          <li><a href="/openapi.json" target="_blank" rel="noreferrer">OpenAPI</a></li>
          <li><a href="/asyncapi.json" target="_blank" rel="noreferrer">AsyncAPI</a></li>
        </ul>
        <p className="quiet">{t("ui.about_licence")}</p>
      </section>
    </>
  );
}
