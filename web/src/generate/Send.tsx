import { Button } from "@mantine/core";
import { useEffect, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "../i18n/format";
import { useActions, useFeature, useSelect } from "../state/store";
import { NumberField } from "../ui/NumberField";
import { faultOf, picturesOf } from "./axes";
import { plannerOf } from "./planner";

const MOST = 64; // pictures of one request

/** The button, with what it will do: how many pictures, and how long they take. */
export function Send(): ReactNode {
  const { t } = useTranslation();
  const { draft: change } = useActions();
  const { watch } = useFeature(plannerOf);
  useEffect(() => watch(), [watch]);
  const format = useFormat();
  const draft = useSelect((state) => state.draft);
  const empty = useSelect((state) => state.draft.prompt.trim() === "");
  const sending = useSelect((state) => state.sending);
  const none = useSelect((state) => state.models?.length === 0);
  const plan = useSelect((state) => state.generate.plan);
  const most = useSelect((state) => state.capabilities?.limits.jobs ?? Infinity);
  const own = picturesOf(draft);
  const count = plan?.count ?? own;
  const fault = faultOf(draft.grid);
  const many = count > most;
  const seconds = plan?.seconds ?? null;
  const words = seconds === null
    ? t("ui.generate", { count: format.number(Math.max(1, count)) })
    : t("ui.generate_in", { count: format.number(count), time: format.span(seconds) });
  return (
    <div className="send">
      {many && <p className="refused">{t("ui.grid.over", { most: format.number(most) })}</p>}
      <NumberField
        label={t(draft.grid.axes.length > 0 ? "ui.count_each" : "ui.count")}
        hidden
        value={draft.count}
        min={1}
        max={MOST}
        onChange={(value) => change({ count: value ?? 1 })}
      />
      <Button
        type="submit"
        size="md"
        disabled={empty || none || fault !== null || many}
        aria-busy={sending}
        title="Ctrl+Enter"
      >
        {words}
      </Button>
    </div>
  );
}
