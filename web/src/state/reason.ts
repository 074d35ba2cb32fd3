import type { Problem, ProblemDocument } from "../api/wire.gen";

type Words = (key: string, params: Record<string, unknown>) => string;

/** Say in the reader's words why a job failed; in the server's, where there are none. */
export function reasonOf(t: Words, error: Problem | null): string {
  if (!error) return "";
  const sized = error.code === "out_of_memory" && error.params?.["largest_width"] !== undefined;
  const key = sized ? "errors.out_of_memory_sized" : `errors.${error.code}`;
  const words = t(key, error.params ?? {});
  return words !== "" && words !== key ? words : (error.message ?? "");
}

/** Say what a refused request is told: an answer that is none of the server's is not shown as it came. */
export function refusalOf(t: Words, problem: ProblemDocument): string {
  const { code, status, detail, title, request_id: request } = problem;
  if (code === "") return status === 413 ? t("ui.proxy_too_large", {}) : t("ui.answered_otherwise", { status: String(status) });
  if (code === "internal") return t("ui.internal", { request });
  return detail || title;
}
