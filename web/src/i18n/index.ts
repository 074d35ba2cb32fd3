import i18next, { type i18n } from "i18next";
import { initReactI18next } from "react-i18next";

export const FIRST = "en";
const RIGHT_TO_LEFT = new Set(["ar", "fa", "he", "ur"]);
const DEADLINE = 15_000; // milliseconds

type Table = Record<string, string>;
type Load = (language: string) => Promise<Table>;

export const OPTIONS = {
  fallbackLng: FIRST,
  keySeparator: false,
  nsSeparator: false,
  interpolation: { prefix: "{", suffix: "}", escapeValue: false },
  returnNull: false,
} as const;

/** Fetch a language's words from the server. */
export async function fetchWords(language: string): Promise<Table> {
  const answer = await fetch(`/i18n/${language}.json`, { signal: AbortSignal.timeout(DEADLINE) });
  return answer.ok ? ((await answer.json()) as Table) : {};
}

/** Make the words of the page; English stands in for what a language lacks. */
export async function createWords(language: string, load: Load = fetchWords): Promise<i18n> {
  const words = i18next.createInstance();
  await words.use(initReactI18next).init({ ...OPTIONS, lng: FIRST, resources: {} });
  words.addResourceBundle(FIRST, "translation", await load(FIRST));
  await changeLanguage(words, language, load);
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

export function directionOf(language: string): "ltr" | "rtl" {
  return RIGHT_TO_LEFT.has(language.split("-")[0] ?? "") ? "rtl" : "ltr";
}

/** Choose the language to begin with: the one chosen before, else the browser's. */
export function firstLanguage(chosen: string | null, asked: readonly string[]): string {
  return chosen ?? asked[0]?.split("-")[0] ?? FIRST;
}
