export type Pixels = { data: Uint8ClampedArray; width: number; height: number };

/**
 * Find the pixels that hang together with (x, y) and look like it.
 *
 * Gives 255 for each of them and 0 for the others. `tolerance` is the most that a channel may differ.
 */
export function flood({ data, width, height }: Pixels, x: number, y: number, tolerance: number): Uint8Array {
  const found = new Uint8Array(width * height);
  if (x < 0 || y < 0 || x >= width || y >= height) return found;
  const origin = (y * width + x) * 4;
  const wanted = [0, 1, 2, 3].map((channel) => data[origin + channel] ?? 0);
  const opaque = (wanted[3] ?? 0) > 0;

  function alike(index: number): boolean {
    const at = index * 4;
    if (!opaque && data[at + 3] === 0) return true; // what is not there has no colour
    for (let channel = 0; channel < 4; channel += 1) {
      if (Math.abs((data[at + channel] ?? 0) - (wanted[channel] ?? 0)) > tolerance) return false;
    }
    return true;
  }

  const rows = [y * width + x];
  while (rows.length > 0) {
    const seed = rows.pop() ?? 0;
    if (found[seed]) continue;
    const start = seed - (seed % width);
    let left = seed;
    while (left > start && !found[left - 1] && alike(left - 1)) left -= 1;
    let above = false;
    let below = false;
    for (let at = left; at < start + width && !found[at] && alike(at); at += 1) {
      found[at] = 255;
      above = look(at - width, above);
      below = look(at + width, below);
    }
  }
  return found;

  function look(at: number, open: boolean): boolean {
    const fits = at >= 0 && at < found.length && !found[at] && alike(at);
    if (fits && !open) rows.push(at);
    return fits;
  }
}
