import { useEffect, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Image, MadeBy } from "../api/wire.gen";
import { useFormat } from "../i18n/format";
import { useTools } from "../state/store";

const LISTS = { loras: "ui.loras", control: "ui.control", image_prompts: "ui.image_prompts" } as const;
const MOST = 16; // of a kind

type Use = { model: string; weight: number | null };

/** The adapters, nets and pictures that a picture was made with; a picture itself does not tell them. */
export function Adapters({ image: { id, job } }: { image: Image }): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const { http } = useTools();
  const [recipe, setRecipe] = useState<MadeBy["recipe"]>(null);
  useEffect(() => {
    if (job === null) return;
    const control = new AbortController();
    http<MadeBy>(`/images/${id}/recipe`, { signal: control.signal }).then(
      (made) => setRecipe(made.recipe),
      () => undefined, // what else is known of the picture is shown all the same
    );
    return () => control.abort();
  }, [http, id, job]);
  return Object.entries(LISTS).map(([name, words]) => {
    const uses = usesIn(recipe?.[name]);
    return uses.length === 0 ? null : (
      <div key={name}>
        <dt>{t(words)}</dt>
        {uses.map(({ model, weight }, place) => (
          <dd key={place}>
            <bdi>{model}</bdi>
            {weight !== null && ` ${format.number(weight)}`}
          </dd>
        ))}
      </div>
    );
  });
}

function usesIn(list: unknown): Use[] {
  if (!Array.isArray(list)) return [];
  return list.slice(0, MOST).flatMap((one: unknown) => {
    const { model, weight } = (typeof one === "object" && one !== null ? one : {}) as Record<string, unknown>;
    return typeof model === "string" ? [{ model, weight: typeof weight === "number" ? weight : null }] : [];
  });
}
