import { Button, Textarea, TextInput } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ProblemError } from "../../api/http";
import { chosenModel, request } from "../../state/choices";
import { formProblems, problemIn } from "../../state/problems";
import { useFeature, useSelect, useTools } from "../../state/store";
import { problemsOf } from "../../state/tools";
import { Check } from "../../ui/Check";
import { generateActions } from "../actions";

const OF_THE_WORDS = ["prompt", "negative_prompt", "styles", "seed", "count", "init_image", "strength"];

/** Keep words as a style, with or without the settings of the form. */
export function SaveStyle(): ReactNode {
  const { t } = useTranslation();
  const { fail } = useTools();
  const { save } = useFeature(generateActions);
  const draft = useSelect((state) => state.draft);
  const model = useSelect(chosenModel);
  const [name, setName] = useState("");
  const [words, setWords] = useState(draft.prompt);
  const [negative, setNegative] = useState(draft.negative);
  const [settings, setSettings] = useState(false);
  const [problems, setProblems] = useState<Record<string, string>>({});
  const [busy, setBusy] = useState(false);

  async function send(): Promise<void> {
    setBusy(true);
    setProblems({});
    const fields = Object.entries(request(draft, model, null));
    const kept = fields.filter(([field, value]) => value !== null && !OF_THE_WORDS.includes(field));
    try {
      await save({
        name, prompt: words, negative_prompt: negative, settings: settings ? Object.fromEntries(kept) : {},
      });
      setName("");
    } catch (error) {
      const told = problemsOf(error);
      if (told) setProblems(formProblems(told));
      else if (error instanceof ProblemError && error.problem.status === 409) setProblems({ name: error.message });
      else fail(error);
    } finally {
      setBusy(false);
    }
  }

  return (
    <form
      className="stack save-style"
      onSubmit={(event) => {
        event.preventDefault();
        event.stopPropagation(); // the modal stands within the page's own form
        void send();
      }}
    >
      <h2>{t("ui.styles.save_title")}</h2>
      <TextInput
        label={t("ui.styles.name")}
        value={name}
        maxLength={200}
        error={problemIn(problems, "name")}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <Textarea
        label={t("ui.styles.words")}
        description={t("ui.styles.words_help", { hole: "{prompt}" })}
        value={words}
        rows={2}
        maxLength={4096}
        dir="auto"
        error={problemIn(problems, "prompt")}
        onChange={(event) => setWords(event.currentTarget.value)}
      />
      <Textarea
        label={t("ui.negative")}
        value={negative}
        rows={1}
        maxLength={4096}
        dir="auto"
        error={problemIn(problems, "negative_prompt")}
        onChange={(event) => setNegative(event.currentTarget.value)}
      />
      <Check label={t("ui.styles.settings")} checked={settings} onChange={setSettings} />
      {problemIn(problems, "settings") !== null && <p className="refused">{problemIn(problems, "settings")}</p>}
      <Button type="submit" loading={busy} disabled={name.trim() === ""}>{t("ui.styles.save")}</Button>
    </form>
  );
}
