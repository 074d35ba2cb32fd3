import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { thumbnail } from "../state/choices";
import { useActions, useSelect } from "../state/store";
import { Dial } from "../ui/Dial";
import { PictureField } from "./PictureField";

/** The picture to begin with: chosen, dropped or pasted; and how much of it is drawn anew. */
export function InitImage(): ReactNode {
  const { t } = useTranslation();
  const { draft: change } = useActions();
  const init = useSelect((state) => state.draft.init);
  const strength = useSelect((state) => state.draft.strength);
  const problems = useSelect((state) => state.problems);
  return (
    <div className="init">
      <PictureField
        label={t(init === null ? "ui.init_add" : "ui.init_image")}
        value={init?.id ?? null}
        error={problems.init_image ?? null}
        removable
        onChange={(id) => change({ init: id === null ? null : { id, url: thumbnail(id) } })}
      />
      {init !== null && (
        <Dial
          label={t("ui.strength")}
          value={strength}
          min={0}
          max={1}
          reach={1}
          step={0.05}
          error={problems.strength}
          onChange={(value) => change({ strength: value ?? 0.75 })}
        />
      )}
    </div>
  );
}
