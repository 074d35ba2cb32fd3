import { useTranslation } from "react-i18next";

export type Format = {
  number: (value: number) => string;
  seconds: (value: number) => string;
  bytes: (value: number) => string;
  when: (iso: string) => string;
  duration: (seconds: number) => string;
  span: (seconds: number) => string; // in the one unit that suits it: "40 sec", "3 min"
};

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

/** Write numbers, times and sizes the way a language does. */
export function createFormat(language: string): Format {
  const number = new Intl.NumberFormat(language);
  const when = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  const unit = (name: string, digits: number) =>
    new Intl.NumberFormat(language, {
      style: "unit", unit: name, unitDisplay: "short", maximumFractionDigits: digits,
    });
  const second = unit("second", 0);
  const minute = unit("minute", 0);
  const hour = unit("hour", 1);
  const two = new Intl.NumberFormat(language, { minimumIntegerDigits: 2, useGrouping: false });
  return {
    number: (value) => number.format(value),
    seconds: (value) => second.format(Math.max(1, Math.round(value))),
    span: (value) => {
      if (value < 90) return second.format(Math.max(1, Math.round(value)));
      return value < 5400 ? minute.format(value / 60) : hour.format(value / 3600);
    },
    bytes: (value) => {
      const power = Math.min(Math.floor(Math.log10(Math.max(value, 1)) / 3), UNITS.length - 1);
      return unit(UNITS[power] ?? "byte", 1).format(value / 1000 ** power);
    },
    when: (iso) => when.format(new Date(iso)),
    duration: (seconds) => {
      const whole = Math.max(0, Math.round(seconds));
      const parts = [Math.floor(whole / 60) % 60, whole % 60].map((part) => two.format(part));
      const hours = Math.floor(whole / 3600);
      return (hours ? [number.format(hours), ...parts] : parts).join(":");
    },
  };
}

const made = new Map<string, Format>();

export function useFormat(): Format {
  const { i18n } = useTranslation();
  const held = made.get(i18n.language);
  if (held) return held;
  const fresh = createFormat(i18n.language);
  made.set(i18n.language, fresh);
  return fresh;
}
