/** What could be written at the caret: the kind, what is typed of it, and where that stands. */
export type Asked = { kind: Kind; query: string; from: number; to: number };
export type Kind = "lora" | "wildcard" | "embedding" | "style";
export type Names = Record<Kind, string[]>;

const MOST = 8; // offered at once
const OPENINGS: readonly (readonly [Kind, RegExp])[] = [
  ["lora", /<(?:l|lo|lor|lora|lora:([^<>:]*))?$/u],
  ["wildcard", /(?:^|[^_\w])__([\w\-/.]*)$/u],
  ["embedding", /\bembedding:([\w.-]*)$/iu],
  ["style", /(?:^|\s)@([^\s@,][^@,\n]*|)$/u],
];

/** Say what is being written at the caret; null where it is plain words. */
export function askedAt(text: string, caret: number): Asked | null {
  const before = text.slice(Math.max(0, caret - 200), caret);
  for (const [kind, opening] of OPENINGS) {
    const found = opening.exec(before);
    if (!found) continue;
    const mark = kind === "wildcard" || kind === "style" ? found[0].search(kind === "style" ? /@/ : /__/) : 0;
    return { kind, query: found[1] ?? "", from: caret - found[0].length + mark, to: caret };
  }
  return null;
}

/** List the names that fit what was typed: those that begin with it, then those that hold it. */
export function suggest({ kind, query }: Asked, names: Names): string[] {
  const wanted = query.toLowerCase();
  const fit = names[kind].filter((name) => name.toLowerCase().includes(wanted));
  const begins = fit.filter((name) => name.toLowerCase().startsWith(wanted));
  return [...begins, ...fit.filter((name) => !begins.includes(name))].slice(0, MOST);
}

/** Write a name in place of what was typed; a style leaves the text, for it is chosen elsewhere. */
export function complete(text: string, { kind, from, to }: Asked, name: string): { text: string; caret: number } {
  const word = { lora: `<lora:${name}:1>`, wildcard: `__${name}__`, embedding: `embedding:${name}`, style: "" }[kind];
  const rest = text.slice(to).replace(kind === "lora" ? /^[^<>,\s]*>/u : kind === "wildcard" ? /^__/u : /^(?!)/u, "");
  return { text: text.slice(0, from) + word + rest, caret: from + word.length };
}
