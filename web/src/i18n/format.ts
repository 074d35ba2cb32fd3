import { useTranslation } from "react-i18next";
import { localeOf } from "./locale";

export type Format = {
  number: (value: number) => string;
  figure: (value: number) => string; // of which three digits say enough: "0.0462", "1.22E-7"
  seconds: (value: number) => string;
  bytes: (value: number) => string;
  when: (iso: string) => string;
  day: (iso: string) => string;
  duration: (seconds: number) => string;
  span: (seconds: number) => string; // in the one unit that suits it: "40 sec", "3 min"
};

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

/** Write numbers, times and sizes the way a language does. */
export function createFormat(language: string): Format {
  const number = new Intl.NumberFormat(language);
  const plain = new Intl.NumberFormat(language, { maximumSignificantDigits: 3 });
  const small = new Intl.NumberFormat(language, { notation: "scientific", maximumSignificantDigits: 3 });
  const when = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  const day = new Intl.DateTimeFormat(language, { dateStyle: "medium" });
  const unit = (name: string, digits: number) =>
    new Intl.NumberFormat(language, {
      style: "unit", unit: name, unitDisplay: name === "byte" ? "long" : "short", maximumFractionDigits: digits,
    });
  const second = unit("second", 0);
  const minute = unit("minute", 0);
  const hour = unit("hour", 1);
  const two = new Intl.NumberFormat(language, { minimumIntegerDigits: 2, useGrouping: false });
  return {
    number: (value) => number.format(value),
    figure: (value) => (value !== 0 && Math.abs(value) < 0.001 ? small : plain).format(value),
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
    day: (iso) => day.format(new Date(iso)),
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
  const fresh = createFormat(localeOf(i18n.language));
  made.set(i18n.language, fresh);
  return fresh;
}

const plain = new Map<string, { counted: Intl.NumberFormat; named: Intl.NumberFormat }>();

/** Write what a sentence is filled with: a number in the digits of the language, a count grouped. */
export function formatValue(value: unknown, language: string, given: object = {}): unknown {
  if (typeof value !== "number") return value;
  let held = plain.get(language);
  if (!held) {
    const locale = localeOf(language);
    const named = new Intl.NumberFormat(locale, { useGrouping: false, maximumFractionDigits: 20 });
    plain.set(language, (held = { counted: new Intl.NumberFormat(locale), named }));
  }
  const counts = "interpolationkey" in given && given.interpolationkey === "count";
  return (counts ? held.counted : held.named).format(value);
}
