import i18next, { type i18n } from "i18next";
import { initReactI18next } from "react-i18next";
import type { Languages } from "../api/wire.gen";
import { formatValue } from "./format";
import { FIRST } from "./locale";

export { directionOf, firstLanguage } from "./locale";
const DEADLINE = 15_000; // milliseconds

type Table = Record<string, string>;
type Load = (language: string) => Promise<Table>;

export const OPTIONS = {
  fallbackLng: FIRST,
  load: "currentOnly",
  keySeparator: false,
  nsSeparator: false,
  interpolation: { prefix: "{", suffix: "}", escapeValue: false, alwaysFormat: true },
  returnNull: false,
} as const;

const FORMATTER = {
  type: "formatter",
  init: () => undefined,
  add: () => undefined,
  addCached: () => undefined,
  format: (value: unknown, _: string | undefined, language: string | undefined, given?: object) =>
    formatValue(value, language ?? FIRST, given),
} as const;

/** Fetch a language's words from the server. */
export async function fetchWords(language: string): Promise<Table> {
  const answer = await fetch(`/i18n/${language}.json`, { signal: AbortSignal.timeout(DEADLINE) });
  return answer.ok ? ((await answer.json()) as Table) : {};
}

/** Ask which languages the server speaks; one that does not say speaks English. */
export async function fetchLanguages(): Promise<Languages> {
  const english = { languages: { [FIRST]: "English" }, language: FIRST };
  try {
    const answer = await fetch("/i18n", { signal: AbortSignal.timeout(DEADLINE) });
    return answer.ok ? ((await answer.json()) as Languages) : english;
  } catch {
    return english;
  }
}

/** Make the words of the page; English stands in for what a language lacks. */
export async function createWords(load: Load = fetchWords): Promise<i18n> {
  const words = i18next.createInstance();
  await words.use(initReactI18next).use(FORMATTER).init({ ...OPTIONS, lng: FIRST, resources: {} });
  words.addResourceBundle(FIRST, "translation", await load(FIRST));
  return words;
}

/** Switch without a reload; the words of each language are fetched once. */
export async function changeLanguage(words: i18n, language: string, load: Load = fetchWords) {
  if (!words.hasResourceBundle(language, "translation")) {
    const table = await load(language).catch(() => ({}));
    if (Object.keys(table).length === 0) return;
    words.addResourceBundle(language, "translation", table);
  }
  await words.changeLanguage(language);
}
