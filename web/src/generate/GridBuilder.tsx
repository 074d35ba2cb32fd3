import { NativeSelect, SegmentedControl } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { GridAxis } from "../state/draft";
import { problemIn } from "../state/problems";
import { useActions, useSelect } from "../state/store";
import { cellsOf, faultOf, fieldsOf, newAxis, sizeOf } from "./axes";
import { AxisEditor } from "./AxisEditor";
import { useFieldName } from "./fieldName";
import { Section } from "./Section";
import type { Ways } from "./unfit";

const MOST = 8; // axes

/** Many pictures from one request: every value of each axis with every value of the others. */
export function GridBuilder({ ways }: { ways: Ways }): ReactNode {
  const { t } = useTranslation();
  const { draft: change } = useActions();
  const nameOf = useFieldName();
  const draft = useSelect((state) => state.draft);
  const problems = useSelect((state) => state.problems);
  const { grid } = draft;
  const fields = fieldsOf(draft, ways.takes);
  const summary = grid.axes.map((axis) => `${nameOf(axis.field)} × ${sizeOf(axis)}`).join(", ");
  const fault = faultOf(grid);

  function set(axes: GridAxis[]): void {
    change({ grid: { ...grid, axes } });
  }

  return (
    <Section name="grid" title={t("ui.grid")} summary={summary} problem={problemIn(problems, "sweep")}>
      {grid.axes.length === 0 && <p className="quiet">{t("ui.grid.help")}</p>}
      {grid.axes.map((axis, at) => (
        <AxisEditor
          key={axis.id}
          axis={axis}
          fields={fields}
          problem={problemIn(problems, `sweep/axes/${at}`)}
          onChange={(changed) => set(grid.axes.map((one) => (one.id === axis.id ? changed : one)))}
          onRemove={() => set(grid.axes.filter((one) => one.id !== axis.id))}
        />
      ))}
      {grid.axes.length < MOST && (
        <NativeSelect
          aria-label={t("ui.grid.add")}
          value=""
          data={[
            { value: "", label: t("ui.grid.add") },
            ...fields.map((field) => ({ value: field, label: nameOf(field) })),
          ]}
          onChange={(event) => {
            const field = event.currentTarget.value;
            if (field) set([...grid.axes, newAxis(field)]);
          }}
        />
      )}
      {grid.axes.length > 1 && (
        <SegmentedControl
          fullWidth
          aria-label={t("ui.grid.mode")}
          value={grid.mode}
          data={[
            { value: "product", label: t("ui.grid.product") },
            { value: "zip", label: t("ui.grid.zip") },
          ]}
          onChange={(mode) => change({ grid: { ...grid, mode: mode === "zip" ? "zip" : "product" } })}
        />
      )}
      {grid.axes.length > 0 && (
        <p className={fault === "lengths" ? "refused" : "quiet"} role="status">
          {fault === "lengths"
            ? t("ui.grid.lengths", { sizes: grid.axes.map(sizeOf).join(", ") })
            : fault === "empty"
              ? t("ui.grid.empty")
              : t("ui.grid.cells", { count: cellsOf(grid) })}
        </p>
      )}
    </Section>
  );
}
