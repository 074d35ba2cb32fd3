import { Button, Textarea } from "@mantine/core";
import { useMemo, type DragEvent, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useKeys } from "../app/keys";
import { useActions, useSelect } from "../state/store";
import { Icon } from "../ui/icons";
import { NumberField } from "../ui/NumberField";
import { pictureIn } from "./InitImage";
import { QueueStrip } from "./QueueStrip";
import { Results } from "./Results";
import { Settings } from "./Settings";

const MOST = 64; // pictures of one request
const NARROW = "(max-width: 800px)"; // one column: the results are further down

/** The words on one side, the pictures on the other. */
export function GeneratePage({ covered }: { covered: boolean }): ReactNode {
  const { t } = useTranslation();
  const { generate, cancelRunning, upload } = useActions();
  const keys = useMemo(
    () => ({ "ctrl+enter": () => generate(), escape: () => cancelRunning() }),
    [generate, cancelRunning],
  );
  useKeys(keys, !covered);

  function drop(event: DragEvent): void {
    const picture = pictureIn(event.dataTransfer);
    if (!picture) return;
    event.preventDefault();
    upload(picture);
  }

  return (
    <div
      className="page generate"
      onDragOver={(event) => event.preventDefault()}
      onDrop={drop}
      onPaste={(event) => {
        const picture = pictureIn(event.clipboardData);
        if (picture) upload(picture);
      }}
    >
      <form
        className="form"
        aria-label={t("ui.nav.generate")}
        onSubmit={(event) => {
          event.preventDefault();
          generate();
          if (window.matchMedia(NARROW).matches) {
            document.getElementById("results")?.scrollIntoView({ behavior: "smooth" });
          }
        }}
      >
        <div className="form-fields stack">
          <Prompt />
          <Settings />
        </div>
        <Send />
      </form>
      <section id="results" className="results" aria-label={t("ui.results")}>
        <Results />
        <QueueStrip />
      </section>
    </div>
  );
}

function Prompt(): ReactNode {
  const { t } = useTranslation();
  const { draft: change } = useActions();
  const prompt = useSelect((state) => state.draft.prompt);
  const negative = useSelect((state) => state.draft.negative);
  const open = useSelect((state) => state.draft.negativeOpen);
  const problems = useSelect((state) => state.problems);
  return (
    <div className="prompt">
      <Textarea
        label={t("ui.prompt")}
        placeholder={t("ui.prompt_hint")}
        rows={5}
        maxLength={16_384}
        value={prompt}
        error={problems.prompt ?? null}
        onChange={(event) => change({ prompt: event.currentTarget.value })}
        dir="auto"
      />
      <button
        type="button"
        className="disclose"
        aria-expanded={open}
        aria-controls="negative"
        onClick={() => change({ negativeOpen: !open })}
      >
        <Icon name={open ? "down" : "next"} />
        <span>{t("ui.negative")}</span>
        {!open && negative && <span className="disclosed" dir="auto">{negative}</span>}
      </button>
      <div id="negative" hidden={!open}>
        <Textarea
          aria-label={t("ui.negative")}
          placeholder={t("ui.negative_hint")}
          rows={2}
          maxLength={16_384}
          value={negative}
          error={problems.negative_prompt ?? null}
          onChange={(event) => change({ negative: event.currentTarget.value })}
          dir="auto"
        />
      </div>
    </div>
  );
}

function Send(): ReactNode {
  const { t } = useTranslation();
  const { draft: change } = useActions();
  const count = useSelect((state) => state.draft.count);
  const empty = useSelect((state) => state.draft.prompt.trim() === "");
  const sending = useSelect((state) => state.sending);
  const none = useSelect((state) => state.models?.length === 0);
  return (
    <div className="send">
      <NumberField
        label={t("ui.count")}
        hidden
        value={count}
        min={1}
        max={MOST}
        onChange={(value) => change({ count: value ?? 1 })}
      />
      <Button type="submit" size="md" disabled={empty || none} aria-busy={sending} title="Ctrl+Enter">
        {t("ui.generate", { count })}
      </Button>
    </div>
  );
}
