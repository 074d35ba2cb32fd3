import type { TFunction } from "i18next";
import type { Problem } from "../api/wire.gen";

/** Say what went wrong in the page's language; where it has no words, in the server's. */
export function said(t: TFunction, problem: Problem | null): string {
  if (!problem) return "";
  const key = `errors.${problem.code}`;
  const words = t(key, problem.params ?? {});
  return words === key ? (problem.message ?? problem.code) : words;
}
