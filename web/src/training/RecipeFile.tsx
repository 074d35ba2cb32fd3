import { Button } from "@mantine/core";
import { useRef, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useFeature, useSelect, useTools } from "../state/store";
import { Icon } from "../ui/icons";
import { bodyOf, EMPTY, fromFile } from "./draft";
import { runActions } from "./runActions";

const MOST = 1 << 20; // bytes

/** Keep a recipe in a file, as `heliograph train --recipe` takes it, or begin with one. */
export function RecipeFile(): ReactNode {
  const { t } = useTranslation();
  const { toast } = useTools();
  const { draft: change, run } = useFeature(runActions);
  const draft = useSelect((state) => state.training.draft);
  const input = useRef<HTMLInputElement>(null);

  function save(): void {
    const text = JSON.stringify({ ...bodyOf({ ...draft, sweep: [], branch: null }), dataset: undefined }, null, 1);
    const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    const link = document.createElement("a");
    link.href = url;
    link.download = "recipe.json";
    link.click();
    window.setTimeout(() => URL.revokeObjectURL(url), 1000);
  }

  function read(file: File): void {
    run(async () => {
      const taken = file.size <= MOST ? fromFile(await file.text(), draft) : null;
      if (taken) change(taken);
      toast(t(taken ? "ui.recipe.loaded" : "ui.recipe.unreadable"), taken ? () => change(draft) : null, taken ? "plain" : "error");
    });
  }

  return (
    <div className="recipe-file">
      <input
        ref={input}
        type="file"
        hidden
        aria-label={t("ui.recipe.load")}
        accept=".json,application/json"
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          if (file) read(file);
          event.currentTarget.value = "";
        }}
      />
      <Button variant="subtle" color="gray" size="compact-sm" leftSection={<Icon name="download" />} onClick={save}>
        {t("ui.recipe.save")}
      </Button>
      <Button variant="subtle" color="gray" size="compact-sm" onClick={() => input.current?.click()}>{t("ui.recipe.load")}</Button>
      <Button
        variant="subtle"
        color="gray"
        size="compact-sm"
        onClick={() => {
          change({ ...EMPTY, dataset: draft.dataset });
          toast(t("ui.recipe.cleared"), () => change(draft));
        }}
      >
        {t("ui.recipe.clear")}
      </Button>
    </div>
  );
}
