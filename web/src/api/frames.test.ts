import { describe, expect, it } from "vitest";
import { parsePreview } from "./frames";

function message(header: string, image: number[], length?: number): ArrayBuffer {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(4 + text.length + image.length);
  new DataView(bytes.buffer).setUint32(0, length ?? text.length, false);
  bytes.set(text, 4);
  bytes.set(image, 4 + text.length);
  return bytes.buffer;
}

const HEADER = '{"type":"job.preview","job":"J","node":"s","step":3,"steps":9,"width":8,"height":8,"mime":"image/webp"}';

describe("a binary message", () => {
  it("is taken apart into its header and its picture", () => {
    const preview = parsePreview(message(HEADER, [1, 2, 3]));
    expect(preview?.header).toMatchObject({ job: "J", step: 3, steps: 9 });
    expect(preview?.url()).toBe("data:image/webp;base64,AQID");
  });

  it("may hold a picture of any size", () => {
    const image = Array.from({ length: 100_001 }, (_, place) => place % 256);
    const url = parsePreview(message(HEADER, image))?.url() ?? "";
    expect(atob(url.slice(url.indexOf(",") + 1))).toBe(image.map((byte) => String.fromCharCode(byte)).join(""));
  });

  it.each([
    ["nothing", new ArrayBuffer(0)],
    ["less than a length", new ArrayBuffer(3)],
    ["a length beyond its end", message(HEADER, [], 4096)],
    ["a header that is not JSON", message("{", [1])],
    ["another type", message('{"type":"image.data","job":"J"}', [1])],
    ["no job", message('{"type":"job.preview"}', [1])],
  ])("that holds %s is passed over", (_, data) => {
    expect(parsePreview(data)).toBeNull();
  });
});
