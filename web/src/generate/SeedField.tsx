import { ActionIcon } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { drawSeed } from "../state/choices";
import { useActions, useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { NumberField } from "../ui/NumberField";

/** The start of the noise: drawn anew each time, unless it is kept. */
export function SeedField(): ReactNode {
  const { t } = useTranslation();
  const { draft: change } = useActions();
  const seed = useSelect((state) => state.draft.seed);
  const locked = useSelect((state) => state.draft.seedLocked);
  const error = useSelect((state) => state.problems.seed);
  const keep = t(locked ? "ui.seed_unlock" : "ui.seed_lock");
  return (
    <div className="seed">
      <NumberField
        label={t("ui.seed")}
        value={seed}
        min={0}
        max={Number.MAX_SAFE_INTEGER}
        placeholder={t("ui.seed_random")}
        error={error}
        onChange={(value) => change({ seed: value, seedLocked: value !== null })}
      />
      <ActionIcon
        variant="default"
        size={36}
        aria-label={t("ui.seed_draw")}
        title={t("ui.seed_draw")}
        onClick={() => change({ seed: drawSeed() })}
      >
        <Icon name="dice" />
      </ActionIcon>
      <ActionIcon
        variant="default"
        size={36}
        aria-pressed={locked}
        aria-label={keep}
        title={keep}
        data-active={locked || undefined}
        onClick={() => change({ seedLocked: !locked, seed: seed ?? drawSeed() })}
      >
        <Icon name={locked ? "lock" : "unlock"} />
      </ActionIcon>
    </div>
  );
}
