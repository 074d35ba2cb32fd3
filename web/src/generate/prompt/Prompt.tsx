import { lazy, Suspense, useRef, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { storage } from "../../state/saved";
import { useActions, useSelect, useTools } from "../../state/store";
import { Icon } from "../../ui/icons";
import { useListed } from "./names";
import { PromptField } from "./PromptField";
import { recall, stepTo, type Said } from "./history";
import { WordCount } from "./WordCount";

const History = lazy(async () => ({ default: (await import("./History")).History }));
const Styles = lazy(async () => ({ default: (await import("./Styles")).Styles }));

/** The words: what the picture shows, what it keeps away from, and the styles around them. */
export function Prompt(): ReactNode {
  const { t } = useTranslation();
  const { draft: change } = useActions();
  const { get } = useTools();
  const prompt = useSelect((state) => state.draft.prompt);
  const negative = useSelect((state) => state.draft.negative);
  const open = useSelect((state) => state.draft.negativeOpen);
  const problems = useSelect((state) => state.problems);
  const [shown, setShown] = useState<"history" | "styles" | null>(null);
  const place = useRef(-1); // in the history; −1 is what was typed
  const typed = useRef<Said>({ prompt: "", negative: "" });
  useListed();

  function older(by: 1 | -1): void {
    const said = recall(storage());
    if (place.current === -1) typed.current = { prompt: get().draft.prompt, negative: get().draft.negative };
    place.current = stepTo(place.current, by, said.length);
    change(said[place.current] ?? typed.current);
  }

  return (
    <div className="prompt">
      <PromptField
        id="prompt"
        label={t("ui.prompt")}
        placeholder={t("ui.prompt_hint")}
        rows={5}
        value={prompt}
        error={problems.prompt ?? null}
        onOlder={older}
        onChange={(text) => {
          place.current = -1;
          change({ prompt: text });
        }}
      />
      <div className="prompt-bar">
        <button type="button" className="prompt-tool" onClick={() => setShown("styles")}>
          <Icon name="styles" />
          {t("ui.styles")}
        </button>
        <button type="button" className="prompt-tool" onClick={() => setShown("history")} title="Alt+↑ ↓">
          <Icon name="clock" />
          {t("ui.history")}
        </button>
        <WordCount />
      </div>
      <Chosen />
      {problems.styles !== undefined && <p className="refused">{problems.styles}</p>}
      <button
        type="button"
        className="disclose"
        aria-expanded={open}
        aria-controls="negative-part"
        onClick={() => change({ negativeOpen: !open })}
      >
        <Icon name={open ? "down" : "next"} />
        <span>{t("ui.negative")}</span>
        {!open && negative && <span className="disclosed" dir="auto">{negative}</span>}
      </button>
      <div id="negative-part" hidden={!open}>
        <PromptField
          id="negative"
          label={t("ui.negative")}
          hidden
          placeholder={t("ui.negative_hint")}
          rows={2}
          value={negative}
          error={problems.negative_prompt ?? null}
          onChange={(text) => change({ negative: text })}
        />
      </div>
      <Suspense fallback={null}>
        {shown === "history" && <History onClose={() => setShown(null)} />}
        {shown === "styles" && <Styles onClose={() => setShown(null)} />}
      </Suspense>
    </div>
  );
}

/** The styles that are put around the prompt, each with a way out. */
function Chosen(): ReactNode {
  const { t } = useTranslation();
  const { draft: change } = useActions();
  const styles = useSelect((state) => state.draft.styles);
  if (styles.length === 0) return null;
  return (
    <ul className="chips" aria-label={t("ui.styles.chosen")}>
      {styles.map((name) => (
        <li key={name}>
          <button
            type="button"
            className="chip"
            aria-label={t("ui.remove_named", { name })}
            title={t("ui.remove_named", { name })}
            onClick={() => change({ styles: styles.filter((one) => one !== name) })}
          >
            <bdi>{name}</bdi>
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  );
}
