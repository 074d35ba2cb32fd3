/** What each value of a setting is called, in the language of the page. */
export type ValueWords = Record<string, string>;

const WORDS = "x-words";

/** Read what a schema calls its values; the server has said it in the language that was asked for. */
export function valueWords(schema: Record<string, unknown>): ValueWords {
  const found = schema[WORDS];
  if (typeof found !== "object" || found === null) return {};
  return Object.fromEntries(Object.entries(found).filter(([, words]) => typeof words === "string"));
}

/** Say a value; what nobody has words for as near as it can be read. */
export function sayValue(words: ValueWords, value: string): string {
  return Object.hasOwn(words, value) ? (words[value] ?? value) : spaced(value);
}

/** Write a name in letters for people: "film_size" is "Film size". */
export function spaced(name: string): string {
  const words = name.replaceAll("_", " ").trim().replace(/\bvae\b/i, "VAE");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
