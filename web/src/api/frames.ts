import type { JobPreview } from "./wire.gen";

/** A preview; its picture is made only of the one that is shown. */
export type Preview = { header: JobPreview; image: () => Blob };

/** Take a binary message apart: u32 big-endian header length, JSON header, image bytes. */
export function parsePreview(data: ArrayBuffer): Preview | null {
  if (data.byteLength < 4) return null;
  const end = 4 + new DataView(data).getUint32(0, false);
  if (end > data.byteLength) return null;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(data.slice(4, end));
    const header = JSON.parse(text) as JobPreview;
    if ((header.type as string) !== "job.preview" || typeof header.job !== "string") return null;
    return { header, image: () => new Blob([new Uint8Array(data, end)], { type: header.mime }) };
  } catch {
    return null;
  }
}
