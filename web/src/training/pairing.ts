/** What is to be sent of dropped files: each picture with the text beside it. */
export type Wanted<F> = { file: F; name: string; caption: F | null };

type Named = { name: string };

const TEXTS = /\.(txt|caption)$/i;

/** Pair `a.png` with `a.txt` or `a.caption`. A text alone is sent by itself, and told of. */
export function paired<F extends Named>(files: readonly F[]): Wanted<F>[] {
  const texts = new Map(
    files.filter(({ name }) => TEXTS.test(name)).map((file) => [file.name.replace(TEXTS, ""), file]),
  );
  const used = new Set<F>();
  const pictures = files.filter(({ name }) => !TEXTS.test(name)).map((file) => {
    const caption = texts.get(file.name.replace(/\.[^.]+$/, "")) ?? texts.get(file.name) ?? null;
    if (caption) used.add(caption);
    return { file, name: file.name, caption };
  });
  const alone = [...texts.values()].filter((file) => !used.has(file));
  return [...pictures, ...alone.map((file) => ({ file, name: file.name, caption: null }))];
}
