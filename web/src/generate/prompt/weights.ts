/** A text and what is selected in it. */
export type Selected = { text: string; start: number; end: number };

const STEP = 0.1;
const LEAST = 0.1;
const MOST = 3;
const WORD = /[^\s,()[\]{}<>|:]/u;
const WEIGHTED = /^\((.*):([+-]?\d*\.?\d+)\)$/su;
const TAG = /<(?:lora|lyco):[^<>:]+(?::([+-]?\d*\.?\d+))?[^<>]*>/gu;

/**
 * Make what is selected, or the word at the caret, count more or less: `(words:1.1)`. A weight that
 * is there is changed, one of 1 goes away; within a tag it is the tag's.
 */
export function weigh({ text, start, end }: Selected, by: 1 | -1): Selected {
  const tag = tagAt(text, start, end);
  if (tag) return tagged(text, tag, by);
  const [low, high] = spanOf(text, start, end);
  if (low === high) return { text, start, end };
  const around = bracketAround(text, low, high);
  const from = around?.from ?? low;
  const to = around?.to ?? high;
  const words = around?.words ?? text.slice(low, high);
  const weight = next(around?.weight ?? 1, by);
  const whole = weight === 1 ? words : `(${words}:${written(weight)})`;
  const begin = weight === 1 ? from : from + 1;
  return { text: text.slice(0, from) + whole + text.slice(to), start: begin, end: begin + words.length };
}

/** Take the selection, or the word at the caret, without the space around it. */
function spanOf(text: string, start: number, end: number): [number, number] {
  let [low, high] = [start, end];
  if (low === high) {
    while (low > 0 && WORD.test(text[low - 1] ?? "")) low -= 1;
    while (high < text.length && WORD.test(text[high] ?? "")) high += 1;
    return [low, high];
  }
  while (low < high && /\s/.test(text[low] ?? "")) low += 1;
  while (high > low && /\s/.test(text[high - 1] ?? "")) high -= 1;
  return [low, high];
}

type Bracket = { from: number; to: number; words: string; weight: number };

/** Find the weighted bracket that is selected, or whose words are: all of them, or the caret's. */
function bracketAround(text: string, low: number, high: number): Bracket | null {
  const own = WEIGHTED.exec(text.slice(low, high));
  if (own) return { from: low, to: high, words: own[1] ?? "", weight: Number(own[2]) };
  const before = text.lastIndexOf("(", low - 1);
  if (before < 0 || low === 0) return null;
  const after = text.indexOf(")", high);
  if (after < 0) return null;
  const found = WEIGHTED.exec(text.slice(before, after + 1));
  const words = found?.[1] ?? "";
  if (!found || /[()]/.test(words) || high > before + 1 + words.length) return null;
  return { from: before, to: after + 1, words, weight: Number(found[2]) };
}

type Tag = { from: number; to: number; weight: string | undefined };

function tagAt(text: string, start: number, end: number): Tag | null {
  for (const found of text.matchAll(TAG)) {
    const to = found.index + found[0].length;
    if (found.index <= start && end <= to && (start > found.index || end > start)) {
      return { from: found.index, to, weight: found[1] };
    }
  }
  return null;
}

function tagged(text: string, { from, to, weight }: Tag, by: 1 | -1): Selected {
  const old = text.slice(from, to);
  const value = written(Math.round((Number(weight ?? 1) + by * STEP) * 100) / 100);
  const fresh = weight === undefined
    ? old.replace(/>$/, `:${value}>`)
    : old.replace(/^(<\w+:[^<>:]+:)[^<>:]+/, `$1${value}`);
  return { text: text.slice(0, from) + fresh + text.slice(to), start: from, end: from + fresh.length };
}

function next(weight: number, by: 1 | -1): number {
  const moved = Math.round((weight + by * STEP) * 100) / 100;
  return Math.min(MOST, Math.max(LEAST, moved));
}

function written(weight: number): string {
  return String(weight);
}
