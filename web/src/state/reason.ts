import type { Problem } from "../api/wire.gen";

type Words = (key: string, params: Record<string, unknown>) => string;

/** Say in the reader's words why a job failed; in the server's, where there are none. */
export function reasonOf(t: Words, error: Problem | null): string {
  if (!error) return "";
  const sized = error.code === "out_of_memory" && error.params?.["largest_width"] !== undefined;
  const key = sized ? "errors.out_of_memory_sized" : `errors.${error.code}`;
  const words = t(key, error.params ?? {});
  return words !== "" && words !== key ? words : (error.message ?? "");
}
