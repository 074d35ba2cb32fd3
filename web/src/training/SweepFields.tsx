import { ActionIcon, Button, NativeSelect, TextInput } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useFeature, useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { runsOf, type Axis } from "./draft";
import { labelOf } from "./FieldView";
import type { Field } from "./fields";
import { runActions } from "./runActions";

const MOST = 2;

/** Up to two fields with several values each: one run for every combination. */
export function SweepFields({ fields, problems }: { fields: Field[]; problems: Record<string, string> }): ReactNode {
  const { t } = useTranslation();
  const { draft: change } = useFeature(runActions);
  const draft = useSelect((state) => state.training.draft);
  const swept = fields.filter(({ kind }) => kind !== "list" && kind !== "many" && kind !== "pair");

  function set(place: number, axis: Partial<Axis>): void {
    change({ sweep: draft.sweep.map((one, at) => (at === place ? { ...one, ...axis } : one)) });
  }

  return (
    <section className="sweep">
      {draft.sweep.map((axis, place) => (
        <div key={place} className="sweep-axis">
          <NativeSelect
            label={t("ui.training.sweep.field")}
            value={axis.setting}
            error={faultAt(problems, place, "setting")}
            onChange={(event) => set(place, { setting: event.currentTarget.value })}
          >
            <option value="">…</option>
            <option value="method">{t("ui.training.method")}</option>
            {swept.map(({ name }) => (
              <option key={name} value={name}>{labelOf(t, name)}</option>
            ))}
          </NativeSelect>
          <TextInput
            label={t("ui.training.sweep.values")}
            placeholder="1e-4, 5e-5"
            dir="ltr"
            value={axis.values}
            error={faultAt(problems, place, "values")}
            onChange={(event) => set(place, { values: event.currentTarget.value })}
          />
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={t("ui.training.sweep.remove")}
            onClick={() => change({ sweep: draft.sweep.filter((_, at) => at !== place) })}
          >
            <Icon name="close" />
          </ActionIcon>
        </div>
      ))}
      <div className="sweep-foot">
        {draft.sweep.length < MOST && (
          <Button
            variant="subtle"
            color="gray"
            size="compact-sm"
            leftSection={<Icon name="plus" />}
            onClick={() => change({ sweep: [...draft.sweep, { setting: "", values: "" }] })}
          >
            {t("ui.training.sweep.add")}
          </Button>
        )}
        {draft.sweep.length > 0 && <span className="quiet">{t("ui.training.sweep.runs", { count: runsOf(draft) })}</span>}
      </div>
    </section>
  );
}

function faultAt(problems: Record<string, string>, place: number, part: string): string | null {
  const from = `/sweep/axes/${place}/${part}`;
  return Object.entries(problems).find(([pointer]) => pointer.startsWith(from))?.[1] ?? null;
}
