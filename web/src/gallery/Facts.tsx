import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Image } from "../api/wire.gen";
import { useFormat } from "../i18n/format";
import { Adapters } from "./Adapters";

/** What made a picture. */
export function Facts({ image }: { image: Image }): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const plain: [string, string | null][] = [
    ["ui.model", image.model],
    ["ui.size", t("ui.size_of", { width: image.width, height: image.height })],
    ["ui.seed", image.seed === null ? null : String(image.seed)],
    ["ui.steps", image.steps === null ? null : format.number(image.steps)],
    ["ui.guidance", image.guidance_scale === null ? null : format.number(image.guidance_scale)],
    ["ui.sampler", image.sampler],
    ["ui.file", format.bytes(image.bytes)],
    ["ui.created", format.when(image.made ?? image.created)],
    ["ui.gallery.came_in", image.made === null ? null : format.when(image.created)],
  ];
  return (
    <div className="facts">
      {image.prompt !== null && image.prompt !== "" && <Text words={t("ui.prompt")} text={image.prompt} />}
      {image.negative_prompt !== null && image.negative_prompt !== "" && (
        <Text words={t("ui.negative")} text={image.negative_prompt} />
      )}
      <dl>
        {plain.map(([key, value]) =>
          value === null ? null : (
            <div key={key}>
              <dt>{t(key)}</dt>
              <dd>
                <bdi>{value}</bdi>
              </dd>
            </div>
          ),
        )}
        <Adapters key={image.id} image={image} />
      </dl>
    </div>
  );
}

function Text({ words, text }: { words: string; text: string }): ReactNode {
  return (
    <section>
      <h2 className="label">{words}</h2>
      <p dir="auto">{text}</p>
    </section>
  );
}
