import type { Catalogue, GraphNode } from "../api/wire.gen";
import { arranged } from "./arrange";
import { specOf } from "./connect";
import { EMPTY_DOC, type Doc } from "./doc";

type Wires = Record<string, [string, string]>;
type Row = readonly [id: string, type: string, settings: Record<string, unknown>, inputs: Wires];

/** Make the graph that draws a picture from words; null where a node of it is missing. */
export function textToPicture(
  catalogue: Catalogue | null, known: Record<string, unknown>, label: (setting: string) => string,
): Doc | null {
  const { checkpoint = "", width, height } = known;
  const rows: Row[] = [
    ["model", "model.load", { checkpoint }, {}],
    ["prompt", "prompt.encode", { prompt: "" }, { text_encoder: ["model", "text_encoder"] }],
    ["negative", "prompt.encode", { prompt: "", negative: true }, { text_encoder: ["model", "text_encoder"] }],
    ["empty", "latent.empty", { width, height }, { vae: ["model", "vae"] }],
    ["sample", "latent.sample", {}, {
      model: ["model", "model"], positive: ["prompt", "out"], negative: ["negative", "out"], latent: ["empty", "out"],
    }],
    ["decode", "latent.decode", {}, { vae: ["model", "vae"], latent: ["sample", "out"] }],
    ["save", "image.save", {}, { image: ["decode", "out"] }],
  ];
  const nodes = rows.flatMap(([id, type, settings, inputs]): GraphNode[] => {
    const spec = specOf(catalogue, type);
    return spec ? [{ id, type, version: spec.version, settings, inputs }] : [];
  });
  if (nodes.length < rows.length) return null;
  const inputs = [
    { name: "prompt", node: "prompt", setting: "prompt", label: label("prompt") },
    { name: "negative_prompt", node: "negative", setting: "prompt", label: label("negative_prompt") },
    { name: "steps", node: "sample", setting: "steps", label: label("steps") },
    { name: "seed", node: "sample", setting: "seed", label: label("seed") },
  ];
  return arranged({ ...EMPTY_DOC, nodes, inputs, layout: { ...EMPTY_DOC.layout, fresh: ["sample.seed"] } }, catalogue);
}
