import { ActionIcon, Button } from "@mantine/core";
import { useRef, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useActions, useSelect } from "../state/store";
import { Dial } from "../ui/Dial";
import { Icon } from "../ui/icons";

/** The picture to begin with: chosen, dropped or pasted; and how much of it is drawn anew. */
export function InitImage(): ReactNode {
  const { t } = useTranslation();
  const { draft: change, upload } = useActions();
  const init = useSelect((state) => state.draft.init);
  const strength = useSelect((state) => state.draft.strength);
  const types = useSelect((state) => state.capabilities?.upload_types);
  const input = useRef<HTMLInputElement>(null);
  return (
    <div className="init">
      <input
        ref={input}
        type="file"
        hidden
        accept={types?.join(",")}
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          if (file) upload(file);
          event.currentTarget.value = "";
        }}
      />
      {init === null ? (
        <Button variant="default" fullWidth leftSection={<Icon name="image" />} onClick={() => input.current?.click()}>
          {t("ui.init_add")}
        </Button>
      ) : (
        <div className="init-held">
          <img src={init.url} alt={t("ui.init_image")} />
          <Dial
            label={t("ui.strength")}
            value={strength}
            min={0}
            max={1}
            reach={1}
            step={0.05}
            onChange={(value) => change({ strength: value ?? 0.75 })}
          />
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={t("ui.init_remove")}
            title={t("ui.init_remove")}
            onClick={() => change({ init: null })}
          >
            <Icon name="close" />
          </ActionIcon>
        </div>
      )}
    </div>
  );
}

/** Find a picture among what was dropped or pasted. */
export function pictureIn(data: DataTransfer | null): File | null {
  return [...(data?.files ?? [])].find((file) => file.type.startsWith("image/")) ?? null;
}
