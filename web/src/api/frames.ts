import type { JobPreview } from "./wire.gen";

const PIECE = 0x8000; // bytes that are handed over as arguments of one call

/** A preview; the address of its picture is made only of the one that is shown. */
export type Preview = { header: JobPreview; url: () => string };

/** Take a binary message apart: u32 big-endian header length, JSON header, image bytes. */
export function parsePreview(data: ArrayBuffer): Preview | null {
  if (data.byteLength < 4) return null;
  const end = 4 + new DataView(data).getUint32(0, false);
  if (end > data.byteLength) return null;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(data.slice(4, end));
    const header = JSON.parse(text) as JobPreview;
    if ((header.type as string) !== "job.preview" || typeof header.job !== "string") return null;
    return { header, url: () => inline(new Uint8Array(data, end), header.mime) };
  } catch {
    return null;
  }
}

/**
 * Write an image as an address that holds it (RFC 2397).
 *
 * A blob's address would have to be made, asked for and given back, each in another process: that
 * took longer than the image itself, several times for every frame of the screen.
 */
function inline(bytes: Uint8Array, mime: string): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += PIECE) text += String.fromCharCode(...bytes.subarray(at, at + PIECE));
  return `data:${mime};base64,${btoa(text)}`;
}
