import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { NumberField } from "../ui/NumberField";

type Props = {
  start: number; // shares of the steps
  end: number;
  error?: string | undefined;
  onChange: (start: number, end: number) => void;
};

/** Between which shares of the steps something counts, in percent. */
export function Span({ start, end, error, onChange }: Props): ReactNode {
  const { t } = useTranslation();
  return (
    <div className="pair">
      <NumberField
        label={t("ui.span.start")}
        value={Math.round(start * 100)}
        min={0}
        max={100}
        error={error}
        onChange={(value) => onChange((value ?? 0) / 100, end)}
      />
      <NumberField
        label={t("ui.span.end")}
        value={Math.round(end * 100)}
        min={0}
        max={100}
        onChange={(value) => onChange(start, (value ?? 100) / 100)}
      />
    </div>
  );
}
