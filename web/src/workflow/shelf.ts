import type { WorkflowHead } from "../api/wire.gen";

/** List the tags of all workflows, the most used first. */
export function tagsOf(heads: readonly WorkflowHead[]): string[] {
  const counts = new Map<string, number>();
  for (const { tags } of heads) for (const tag of tags) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  return [...counts].sort(([a, one], [b, two]) => two - one || a.localeCompare(b)).map(([tag]) => tag);
}

/** Find workflows by words in name, description and tags, and by a tag. */
export function headsIn(heads: readonly WorkflowHead[], query: string, tag: string | null): WorkflowHead[] {
  const parts = query.toLowerCase().split(/\s+/).filter(Boolean);
  return heads.filter((head) => {
    const all = [head.name, head.description, ...head.tags].join(" ").toLowerCase();
    return (tag === null || head.tags.includes(tag)) && parts.every((part) => all.includes(part));
  });
}

/** Read tags that were typed with commas. */
export function typedTags(text: string): string[] {
  const tags = text.split(/[,،、]/).map((tag) => tag.trim().slice(0, 64)).filter(Boolean);
  return [...new Set(tags)].slice(0, 64);
}
