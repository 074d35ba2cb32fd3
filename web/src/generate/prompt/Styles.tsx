import { ActionIcon, Button, Modal, TextInput } from "@mantine/core";
import { useRef, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Preset } from "../../api/wire.gen";
import { useFeature, useSelect } from "../../state/store";
import { Icon } from "../../ui/icons";
import { generateActions } from "../actions";
import { SaveStyle } from "./SaveStyle";

/** Styles: words around the prompt, settings, or both; to choose, save, delete, and take in. */
export function Styles({ onClose }: { onClose: () => void }): ReactNode {
  const { t } = useTranslation();
  const { importCsv } = useFeature(generateActions);
  const presets = useSelect((state) => state.generate.presets);
  const listed = useSelect((state) => state.generate.listed);
  const [search, setSearch] = useState("");
  const input = useRef<HTMLInputElement>(null);
  const wanted = search.trim().toLowerCase();
  const shown = presets.filter(({ name, prompt }) => `${name} ${prompt}`.toLowerCase().includes(wanted));
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("ui.styles.title")}
      closeButtonProps={{ "aria-label": t("ui.close") }}
      size="lg"
      centered
    >
      <div className="stack">
        <div className="style-bar">
          <TextInput
            className="grow"
            aria-label={t("ui.search")}
            placeholder={t("ui.search")}
            value={search}
            onChange={(event) => setSearch(event.currentTarget.value)}
          />
          <input
            ref={input}
            type="file"
            hidden
            accept=".csv,text/csv"
            onChange={(event) => {
              const file = event.currentTarget.files?.[0];
              if (file) importCsv(file);
              event.currentTarget.value = "";
            }}
          />
          <Button variant="default" onClick={() => input.current?.click()}>{t("ui.styles.import")}</Button>
        </div>
        <ul className="styles" aria-busy={listed === "loading"}>
          {shown.map((preset) => <Row key={preset.id} preset={preset} />)}
        </ul>
        {presets.length === 0 && listed === "ready" && <p className="quiet">{t("ui.styles.none")}</p>}
        <SaveStyle />
      </div>
    </Modal>
  );
}

function Row({ preset }: { preset: Preset }): ReactNode {
  const { t } = useTranslation();
  const { toggle, remove } = useFeature(generateActions);
  const on = useSelect((state) => state.draft.styles.includes(preset.name));
  const settings = Object.keys(preset.settings).length;
  return (
    <li className="style">
      <button type="button" className="style-choice" aria-pressed={on} onClick={() => toggle(preset)}>
        <strong><bdi>{preset.name}</bdi></strong>
        <span dir="auto">{preset.prompt}</span>
        {settings > 0 && <small>{t("ui.styles.with_settings", { count: settings })}</small>}
      </button>
      <ActionIcon
        variant="subtle"
        color="gray"
        aria-label={t("ui.styles.delete", { name: preset.name })}
        title={t("ui.styles.delete", { name: preset.name })}
        onClick={() => remove(preset)}
      >
        <Icon name="trash" />
      </ActionIcon>
    </li>
  );
}
