import type { Problem, Quarantined, Warned } from "../api/wire.gen";

type Words = (key: string, params: Record<string, unknown>) => string;

/** Say a warning in the page's language; a code that it does not know, as the server said it. */
export function warningWords(t: Words, { code, params, message }: Warned): string {
  return known(t, `warnings.${code}`, params) ?? (message || code);
}

export function refusalWords(t: Words, { code, params, message }: Quarantined): string {
  return known(t, `errors.${code}`, params) ?? (message || code);
}

export function problemWords(t: Words, { code, params, message }: Problem): string {
  return known(t, `errors.${code}`, params ?? {}) ?? (message || code);
}

function known(t: Words, key: string, params: Record<string, unknown>): string | null {
  const words = t(key, params);
  return words === key ? null : words;
}
