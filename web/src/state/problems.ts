/** Turn pointers of a refused request into names of the form's fields: `/recipe/loras/0/weight` → `loras/0/weight`. */
export function formProblems(problems: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(problems).map(([pointer, words]) => [pointer.replace(/^\/recipe(?=\/|$)/, "").replace(/^\//, ""), words]),
  );
}

/** Give the first problem of a field, or of anything in it. */
export function problemIn(problems: Record<string, string>, ...fields: string[]): string | null {
  const found = Object.keys(problems).find((at) => fields.some((field) => at === field || at.startsWith(`${field}/`)));
  return found === undefined ? null : (problems[found] ?? null);
}
