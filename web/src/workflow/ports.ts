export type Tone = "model" | "words" | "latent" | "image" | "mask" | "control" | "plain";
export type Shape = "diamond" | "square" | "circle" | "ring" | "bar";

/** How a type looks: a colour, and a shape for those who do not see it. */
const LOOKS: Record<string, readonly [Tone, Shape]> = {
  Model: ["model", "diamond"],
  TextEncoder: ["words", "diamond"],
  Vae: ["latent", "diamond"],
  Conditioning: ["words", "square"],
  Latent: ["latent", "square"],
  Control: ["control", "square"],
  Area: ["control", "ring"],
  Image: ["image", "circle"],
  Mask: ["mask", "ring"],
};
const PLAIN = ["plain", "bar"] as const;

export function lookOf(types: readonly string[]): readonly [Tone, Shape] {
  return LOOKS[types[0] ?? ""] ?? PLAIN;
}

export function toneOf(types: readonly string[]): Tone {
  return lookOf(types)[0];
}
