import type { Languages } from "../api/wire.gen";

export const FIRST = "en";
const BROWSER = "navigator" in globalThis ? navigator.languages : [];
const RIGHT_TO_LEFT = new Set(["ar", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "ug", "ur", "yi"]);
const SCRIPTS_TO_LEFT = new Set(["Adlm", "Arab", "Hebr", "Nkoo", "Rohg", "Syrc", "Thaa"]);

type Parts = { language: string; script: string; region: string };

/** Read a tag and add what it leaves to be understood: `zh-TW` is Chinese in traditional script. */
function parts(tag: string): Parts | null {
  try {
    const { language, script = "", region = "" } = new Intl.Locale(tag).maximize();
    return language === "yue" ? { language: "zh", script, region } : { language, script, region };
  } catch {
    return null;
  }
}

/** Find the language that serves a reader of `tag` best: its script counts most, then its region. */
export function fit(tag: string, offered: readonly string[]): string | null {
  const exact = offered.find((code) => code.toLowerCase() === tag.toLowerCase());
  const wanted = parts(tag);
  if (exact !== undefined || wanted === null) return exact ?? null;
  let best: { near: number; code: string } | null = null;
  for (const code of offered) {
    const given = parts(code);
    if (given?.language !== wanted.language) continue;
    const near = (given.script === wanted.script ? 4 : 0) +
      (given.region === wanted.region ? 2 : 0) + (code === given.language ? 1 : 0);
    if (best === null || near > best.near) best = { near, code };
  }
  return best?.code ?? null;
}

/** Choose the language to begin with: what was chosen here, what the browser asks, the server's. */
export function firstLanguage(
  chosen: string | null, asked: readonly string[], spoken: Languages,
): string {
  const offered = Object.keys(spoken.languages);
  for (const tag of [...(chosen === null ? [] : [chosen]), ...asked, spoken.language]) {
    const found = fit(tag, offered);
    if (found !== null) return found;
  }
  return FIRST;
}

/** Name the locale whose numbers and dates are meant: the reader's region, in the page's language. */
export function localeOf(language: string, asked: readonly string[] = BROWSER): string {
  const wanted = parts(language);
  const own = asked.find((tag) => {
    const given = parts(tag);
    return given?.language === wanted?.language && given?.script === wanted?.script;
  });
  return own ?? language;
}

export function directionOf(language: string): "ltr" | "rtl" {
  const [first = "", ...rest] = language.split("-");
  const script = rest.find((part) => /^[a-z]{4}$/i.test(part));
  if (script === undefined) return RIGHT_TO_LEFT.has(first.toLowerCase()) ? "rtl" : "ltr";
  const written = script.charAt(0).toUpperCase() + script.slice(1).toLowerCase();
  return SCRIPTS_TO_LEFT.has(written) ? "rtl" : "ltr";
}
