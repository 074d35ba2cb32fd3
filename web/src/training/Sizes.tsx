import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "../i18n/format";
import { useSelect } from "../state/store";
import { baseOf, sideOf } from "./base";
import type { Whole } from "./held";

const SHOWN = 6; // sizes
type Size = { width: number; height: number };

/** How many pictures a set has, how large they are, and in which sizes a training takes them, and why in these. */
export function Sizes({ dataset }: { dataset: NonNullable<Whole["dataset"]> }): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const base = useSelect(baseOf);
  const side = useSelect(sideOf);
  const chosen = useSelect((state) => typeof state.training.draft.fields.resolution === "number");
  const { smallest, largest, buckets, count, bytes } = dataset;
  const own = !smallest || !largest ? "" : sized(smallest) === sized(largest)
    ? sized(smallest)
    : t("ui.dataset.size_range", { least: sized(smallest), most: sized(largest) });
  const sizes = buckets.slice(0, SHOWN).map((one) => (buckets.length > 1 ? `${sized(one)} (${format.number(one.count)})` : sized(one)));
  if (buckets.length > SHOWN) sizes.push("…");
  return (
    <div className="quiet">
      <p>{[t("ui.dataset.pictures", { count }), own, format.bytes(bytes)].filter(Boolean).join(" · ")}</p>
      {buckets.length > 0 && (chosen || base !== null) && (
        <p>{t(chosen ? "ui.dataset.taught_chosen" : "ui.dataset.taught_native", { sizes: sizes.join(", "), model: base?.name ?? "", side })}</p>
      )}
    </div>
  );
}

/** Width before height in every script. */
function sized({ width, height }: Size): string {
  return `\u2066${width} × ${height}\u2069`;
}
