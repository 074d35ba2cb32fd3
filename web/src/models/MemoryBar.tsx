import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "../i18n/format";
import { useFeature, useSelect } from "../state/store";
import { Dots } from "../ui/Dots";
import { Meter } from "../ui/Meter";
import { modelsActions } from "./actions";

/** How much memory the engine takes, and a way to give back what no job needs. */
export function MemoryBar(): ReactNode {
  const { t } = useTranslation();
  const format = useFormat();
  const { unload } = useFeature(modelsActions);
  const used = useSelect((state) => state.memory?.used ?? state.system?.memory?.used ?? null);
  const total = useSelect((state) => state.memory?.total ?? state.system?.memory?.total ?? null);
  const loaded = useSelect((state) => state.models?.filter((model) => model.loaded).length ?? 0);
  if (used === null || total === null || total === 0) return <div className="memory" />;
  return (
    <div className="memory">
      <div>
        <span className="quiet">
          <Dots
            parts={[
              t("ui.models.memory", { used: format.bytes(used), total: format.bytes(total) }),
              t("ui.models.loaded", { count: loaded }),
            ]}
          />
        </span>
        <Meter label={t("ui.memory")} share={used / total} />
      </div>
      <Button variant="default" disabled={loaded === 0} onClick={() => unload(null)}>
        {t("ui.models.unload_all")}
      </Button>
    </div>
  );
}
