import { Button, NativeSelect } from "@mantine/core";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { LogLine } from "../api/wire.gen";
import { useFeature, useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { systemActions } from "./actions";
import type { Level } from "./slice";

const LEVELS: readonly Level[] = ["INFO", "WARNING", "ERROR"];
const PAUSE = 800; // milliseconds between what happened and a look at what was logged
const NEAR = 80; // pixels from the end that count as being there

/** The newest lines of the log; it reads on when something happened. */
export function LogView(): ReactNode {
  const { t } = useTranslation();
  const { loadLog, showLevel, copy } = useFeature(systemActions);
  const log = useSelect((state) => state.systemPage.log);
  const { behind, level, items } = log;
  const empty = items.length === 0;
  useEffect(() => {
    if (!behind) return;
    const timer = window.setTimeout(loadLog, empty ? 0 : PAUSE);
    return () => window.clearTimeout(timer);
  }, [behind, empty, level, loadLog]);
  return (
    <section className="log" aria-label={t("ui.settings.log")}>
      <div className="bar">
        <NativeSelect
          aria-label={t("ui.log.level")}
          value={level}
          data={LEVELS.map((value) => ({ value, label: t(`ui.log.${value}`) }))}
          onChange={(event) => showLevel(LEVELS.find((one) => one === event.currentTarget.value) ?? "INFO")}
        />
        <Button variant="default" leftSection={<Icon name="again" />} onClick={loadLog}>{t("ui.log.newer")}</Button>
        <Button variant="default" disabled={empty} onClick={() => copy(items.map(lineOf).join("\n"))}>{t("ui.copy")}</Button>
      </div>
      {empty && !behind ? <p className="quiet">{t("ui.log.empty")}</p> : <Lines items={items} />}
    </section>
  );
}

function Lines({ items }: { items: LogLine[] }): ReactNode {
  const { t } = useTranslation();
  const scroll = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => 22,
    getItemKey: (index) => items[index]?.seq ?? index,
    overscan: 20,
  });
  useEffect(() => {
    if (following.current && items.length > 0) virtual.scrollToIndex(items.length - 1, { align: "end" });
  }, [items, virtual]);
  return (
    <div
      className="log-lines"
      dir="ltr"
      ref={scroll}
      role="log"
      aria-label={t("ui.settings.log")}
      aria-live="off"
      tabIndex={0}
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        following.current = scrollHeight - scrollTop - clientHeight < NEAR;
      }}
    >
      <div style={{ blockSize: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, key, start }) => {
          const line = items[index];
          return line === undefined ? null : (
            <p key={key} ref={virtual.measureElement} data-index={index} data-level={line.level} style={{ insetBlockStart: start }}>
              <span className="quiet">{line.at.slice(11, 23)}</span> <b>{line.level}</b> {line.message} <span className="quiet">{extraOf(line)}</span>
            </p>
          );
        })}
      </div>
    </div>
  );
}

function extraOf({ extra }: LogLine): string {
  return Object.entries(extra).map(([name, value]) => `${name}=${String(value)}`).join(" ");
}

function lineOf(line: LogLine): string {
  return [line.at, line.level, line.logger, line.message, extraOf(line)].filter(Boolean).join(" ");
}
