import { ActionIcon, Button } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useActions, useSelect } from "../state/store";
import { Icon } from "../ui/icons";

export function Toasts(): ReactNode {
  const { t } = useTranslation();
  const toasts = useSelect((state) => state.toasts);
  const { untoast } = useActions();
  return (
    <div className="toasts" role="status" aria-live="polite">
      {toasts.map(({ id, text, tone, undo }) => (
        <div key={id} className="toast" data-tone={tone}>
          <span>{text}</span>
          {undo && (
            <Button size="compact-sm" variant="default" onClick={() => {
              undo();
              untoast(id);
            }}>
              {t("ui.undo")}
            </Button>
          )}
          <ActionIcon variant="subtle" color="gray" size="sm" aria-label={t("ui.close")} onClick={() => untoast(id)}>
            <Icon name="close" />
          </ActionIcon>
        </div>
      ))}
    </div>
  );
}
