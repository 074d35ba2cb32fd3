import type { State } from "./model";

const PICTURE = 32 << 20; // bytes, until the server has said its own

/** Give the bytes that a picture to send may have. */
export function mostOfPicture({ capabilities }: Pick<State, "capabilities">): number {
  return capabilities?.limits.image_bytes ?? PICTURE;
}
