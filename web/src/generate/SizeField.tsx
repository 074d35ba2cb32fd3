import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { choice, chosenModel } from "../state/choices";
import { useActions, useSelect } from "../state/store";
import { NumberField } from "../ui/NumberField";
import { GRID, ratioOf, RATIOS, sidesOf, SMALLEST, type Ratio } from "./sizes";

const LARGEST = 4096;

/** Width and height, and shapes to choose from with the pixels the model likes. */
export function SizeField(): ReactNode {
  const { t } = useTranslation();
  const { draft: change } = useActions();
  const draft = useSelect((state) => state.draft);
  const model = useSelect(chosenModel);
  const limit = useSelect((state) => state.capabilities?.limits.side ?? LARGEST);
  const problems = useSelect((state) => state.problems);
  const { width, height } = choice(draft, model);
  const natural = choice({ ...draft, width: null, height: null }, model);
  const area = natural.width * natural.height;
  const current = ratioOf(width, height, area);
  return (
    <fieldset className="field">
      <legend className="label">{t("ui.size")}</legend>
      <div className="ratios" dir="ltr">
        {RATIOS.map((ratio) => (
          <button
            key={ratio.name}
            type="button"
            className="ratio"
            aria-pressed={ratio === current}
            aria-label={t("ui.ratio", { name: ratio.name })}
            onClick={() => change(sidesOf(ratio, area))}
          >
            <Shape ratio={ratio} />
            <span>{ratio.name}</span>
          </button>
        ))}
      </div>
      <div className="pair">
        <NumberField
          label={t("ui.width")}
          value={width}
          min={SMALLEST}
          max={limit}
          step={GRID}
          error={problems.width}
          onChange={(value) => change({ width: value })}
        />
        <NumberField
          label={t("ui.height")}
          value={height}
          min={SMALLEST}
          max={limit}
          step={GRID}
          error={problems.height}
          onChange={(value) => change({ height: value })}
        />
      </div>
    </fieldset>
  );
}

function Shape({ ratio: { across, down } }: { ratio: Ratio }): ReactNode {
  const scale = 14 / Math.max(across, down);
  return (
    <svg viewBox="0 0 18 18" className="shape" aria-hidden="true">
      <rect
        x={9 - (across * scale) / 2}
        y={9 - (down * scale) / 2}
        width={across * scale}
        height={down * scale}
        rx="1.5"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.5"
      />
    </svg>
  );
}
