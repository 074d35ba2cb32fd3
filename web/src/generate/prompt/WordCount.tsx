import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "../../i18n/format";
import { useSelect } from "../../state/store";

/** How long the prompt is in the model's own words, of what it reads at once. */
export function WordCount(): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const words = useSelect((state) => state.generate.words);
  const { tokens = null, window = null, windows = null, cut = false } = words ?? {};
  if (tokens === null || window === null || windows === null) return <span className="word-count" />;
  const most = format.number(window * windows);
  return (
    <span className={cut ? "word-count refused" : "word-count"} title={t(cut ? "degraded.prompt_cut" : "ui.tokens.help")}>
      {t("ui.tokens", { count: tokens, most })}
    </span>
  );
}
