import { useState, type ReactNode } from "react";
import type { Model } from "../api/wire.gen";

/** The picture of a model; without one, or where it is gone, the first letter of its name. */
export function Cover({ model, large = false }: { model: Model; large?: boolean }): ReactNode {
  const [broken, setBroken] = useState<string | null>(null);
  const letter = Array.from(model.name.trim())[0] ?? "·";
  return (
    <span className="cover" data-large={large} data-kind={model.kind} aria-hidden="true">
      {model.cover !== null && model.cover !== broken ? (
        <img
          src={`/api/v1/images/${encodeURIComponent(model.cover)}/thumbnail`}
          alt=""
          loading="lazy"
          onError={() => setBroken(model.cover)}
        />
      ) : (
        letter.toLocaleUpperCase()
      )}
    </span>
  );
}
